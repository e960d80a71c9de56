// The first view: all builders, the red ones first, each with its last builds.

import {list} from "./api.js";
import {el, svg} from "./dom.js";
import {badge, isRed, resultOf, sign} from "./results.js";
import {ago, duration, median, took} from "./time.js";

const BUILDERS_MAX = 200; // of the one page that is shown; the search reaches the others
const RECENT_MAX = 500;   // the newest builds of all builders, in one request
const ALONE_MAX = 40;     // builders that are not among those, each with a request of its own
const STRIP = 10;

/** The last builds of each builder: from the newest of all, and for those that are rare one by one. */
async function lastBuilds(builders, signal) {
    const {records, next} = await list(["builds"], {limit: RECENT_MAX, order: "-buildid"}, signal);
    const lasts = new Map(builders.map((builder) => [builder.builderid, []]));
    for (const build of records)
        if ((lasts.get(build.builderid)?.length ?? STRIP) < STRIP)
            lasts.get(build.builderid).push(build);
    const missing = next ? builders.filter((builder) => lasts.get(builder.builderid).length === 0).slice(0, ALONE_MAX) : [];
    await Promise.all(missing.map(async ({builderid}) => {
        const own = await list(["builders", builderid, "builds"], {limit: STRIP, order: "-number"}, signal);
        lasts.set(builderid, own.records);
    }));
    return lasts;
}

async function load(query, signal) {
    const search = query.get("q") ?? "";
    const parameters = {limit: BUILDERS_MAX, order: "name"};
    let {records, next} = await list(["builders"], parameters, signal);
    // More than a page of them: then the database searches, which tells capitals from small letters.
    if (next && search)
        ({records, next} = await list(["builders"], {...parameters, name__contains: search}, signal));
    const lasts = await lastBuilds(records, signal);
    return {builders: records, isCut: next !== null, lasts};
}

/** What its last builds say of a builder. */
function summary(builds) {
    const done = builds.filter((build) => build.complete);
    const good = done.filter((build) => build.results === 0 || build.results === 1);
    return {last: done[0], running: builds.find((build) => !build.complete), done,
        rate: done.length ? Math.round(100 * good.length / done.length) : null,
        median: median(done.map(took))};
}

const rank = ({last, running}) => last && isRed(last) ? 0 : running ? 1 : last ? 2 : 3;

function strip(builder, builds) {
    return el("ol", {class: "strip", "aria-label": "Last builds, the oldest first"},
        [...builds].reverse().map((build) => el("li", {"data-key": build.number},
            el("a", {href: `#/builders/${builder.builderid}/builds/${build.number}`, class: resultOf(build).word,
                title: `#${build.number} ${resultOf(build).word}`,
                "aria-label": `#${build.number} ${resultOf(build).word}`}, sign(build)))));
}

/** How the durations went: the oldest left, the longest at the top. */
function trend(done) {
    if (done.length < 3)
        return null;
    const values = [...done].reverse().map(took);
    const top = Math.max(...values, 1);
    const points = values.map((value, i) => `${(i * 100 / (values.length - 1)).toFixed(1)},${(22 - 20 * value / top).toFixed(1)}`);
    return svg("svg", {class: "trend", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img",
        "aria-label": `Durations: ${values.map(duration).join(", ")}`},
    svg("polyline", {points: points.join(" ")}));
}

function facts({rate, done, median: middle}) {
    if (!done.length)
        return null;
    return el("p", {class: "facts"}, `${rate} % of ${done.length} succeeded · median ${duration(middle)}`);
}

function card({builder, builds, known}) {
    const {last, running} = known;
    const shown = running ?? last;
    return el("li", {class: `card ${last ? resultOf(last).word : "none"}`, "data-key": builder.builderid},
        el("h2", {}, el("a", {href: `#/builders/${builder.builderid}`}, builder.name)),
        shown ? el("p", {class: "now"}, badge(shown), " ",
            el("a", {href: `#/builders/${builder.builderid}/builds/${shown.number}`}, `#${shown.number}`), " ",
            ago(shown.complete ? shown.complete_at : shown.started_at),
            running && last ? [", before that ", resultOf(last).word] : null)
            : el("p", {class: "now"}, "no builds lately"),
        strip(builder, builds), facts(known), trend(known.done));
}

function empty() {
    return el("section", {class: "empty"},
        el("h2", {}, "Nothing is recorded yet"),
        el("p", {}, "Record a first build: type this where the database is."),
        el("pre", {class: "type"}, "daybook run --builder nightly -- make"),
        el("p", {}, "Or from another machine, over HTTP:"),
        el("pre", {class: "type"}, `curl -H 'Content-Type: application/json' -d '{"results": "success"}' \\\n    ${new URL("api/v2/builders/nightly/builds", document.baseURI)}`));
}

function searchField(query, go) {
    return el("form", {class: "filters", role: "search", onsubmit: (event) => event.preventDefault()},
        el("label", {}, "Search builders ", el("input", {type: "search", name: "q", value: query.get("q") ?? "", autocomplete: "off",
            oninput: (event) => go({q: event.target.value})})));
}

function draw({builders, isCut, lasts}, query, go) {
    const search = (query.get("q") ?? "").toLowerCase();
    const shown = builders.filter((builder) => builder.name.toLowerCase().includes(search))
        .map((builder) => ({builder, builds: lasts.get(builder.builderid), known: summary(lasts.get(builder.builderid))}))
        .sort((a, b) => rank(a.known) - rank(b.known));
    const red = shown.filter(({known}) => rank(known) === 0).length;
    if (!builders.length && !search)
        return [el("h1", {}, "Builders"), empty()];
    return [
        el("h1", {}, "Builders"),
        el("p", {class: "facts", role: "status"}, `${shown.length} ${shown.length === 1 ? "builder" : "builders"}, ${red || "none"} red`),
        searchField(query, go),
        shown.length ? el("ul", {class: "cards"}, shown.map(card))
            : el("p", {class: "notice"}, "No builder has this in its name."),
        isCut ? el("p", {class: "notice"}, `These are the first ${BUILDERS_MAX} by name: search for the others.`) : null,
    ];
}

/** The view for "#/". */
export const buildersView = {
    title: () => "Builders",
    load: (place, signal) => load(place.query, signal),
    draw: (data, place, go) => draw(data, place.query, go),
    isMoving: (data) => [...data.lasts.values()].some((builds) => builds.some((build) => !build.complete)),
    concerns: (kind) => kind === "builders" || kind === "builds",
};
