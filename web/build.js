// One build: how it ended, its steps on a scale, what they printed, its properties and its data.

import {list, one} from "./api.js";
import {el, outside} from "./dom.js";
import {download, output, size} from "./output.js";
import {badge, isRed, resultOf, sign} from "./results.js";
import {ago, duration, took} from "./time.js";
import {axis, bar, partsOf, scaleOf} from "./timeline.js";

const PAGE = 500; // steps, properties, data: more than these are not shown
const LOG = "log/";

/** Builds beside this one in its builder: what never changes is asked once. */
async function neighbours(build, signal, before) {
    const beside = async (filter) =>
        (await list(["builders", build.builderid, "builds"], {limit: 1, ...filter}, signal)).records[0] ?? null;
    const earlier = {order: "-number", number__lt: build.number};
    const [previous, successful, next] = await Promise.all([
        before ? before.previous : beside(earlier),
        before ? before.successful : beside({...earlier, results: 0}),
        before?.next ?? beside({order: "number", number__gt: build.number}),
    ]);
    return {previous, successful, next};
}

/** What a token that is limited to builders may not see is left out. */
const allowed = (promise, otherwise) => promise.catch((error) => {
    if (error.status === 403)
        return otherwise;
    throw error;
});

async function load({builder, number, id}, signal, before) {
    const path = id === undefined ? ["builders", builder, "builds", number] : ["builds", id];
    const build = await one(path, signal);
    if (!build)
        return {build};
    const part = (name) => list(["builds", build.buildid, name], {limit: PAGE}, signal);
    const [owner, worker, steps, properties, data, triggered, beside] = await Promise.all([
        before?.owner ?? one(["builders", build.builderid], signal),
        before?.worker ?? (build.workerid === null ? null : allowed(one(["workers", build.workerid], signal), null)),
        part("steps"), part("property_list"), part("data"), allowed(part("triggered_builds"), {records: [], next: null}),
        neighbours(build, signal, before?.beside),
    ]);
    return {build, owner, worker, steps, properties, data, triggered, beside};
}

function link(build, text, rel) {
    return build ? el("a", {href: `#/builders/${build.builderid}/builds/${build.number}`, rel}, `${text} #${build.number}`) : null;
}

/** What a record says of itself, unless it is the word that is shown anyway. */
function state(record, name) {
    const said = record.state_string;
    return said && said !== resultOf(record).word ? el(name, {class: "state"}, said) : null;
}

function head({build, owner, worker, beside}) {
    const seconds = took(build);
    return [
        el("nav", {class: "path", "aria-label": "Where this is"}, el("a", {href: "#/"}, "Builders"), " › ",
            el("a", {href: `#/builders/${build.builderid}`}, owner?.name ?? "its builder")),
        el("h1", {}, `${owner?.name ?? "Build"} #${build.number}`),
        el("p", {class: "now"}, badge(build), " ", state(build, "span")),
        el("p", {class: "facts"}, build.complete ? "ended " : "began ",
            ago(build.complete ? build.complete_at : build.started_at),
            seconds === null ? null : ` · ${build.complete ? "took" : "runs for"} ${duration(seconds)}`,
            build.locks_duration_s > 0 ? `, ${duration(build.locks_duration_s)} of it waiting for locks` : null,
            worker ? ` · on ${worker.name}` : null),
        el("nav", {class: "pages", "aria-label": "Builds beside this one"},
            link(beside.previous, "Previous", "prev"), link(beside.next, "Next", "next"),
            link(beside.successful, "Last successful")),
    ];
}

function spent(step) {
    if (step.started_at === null)
        return "has not begun";
    const {waited, worked} = partsOf(step);
    return waited ? `${duration(worked)}, after ${duration(waited)} for locks` : duration(worked);
}

function stepRow(step, scale, log, isOpen) {
    const result = resultOf(step);
    return el("li", {class: `step ${result.word}`, "data-key": step.stepid},
        el("div", {class: "stephead"}, sign(step),
            el("h3", {}, step.name, el("span", {class: "unseen"}, `, ${result.word}`), step.hidden ? " (hidden)" : null),
            bar(step, scale), el("span", {class: "took"}, spent(step))),
        state(step, "p"),
        step.urls.length ? el("ul", {class: "urls"}, step.urls.map((url) => el("li", {}, outside(url.url, url.name)))) : null,
        log?.length ? output(log, ["Output, ", size(log.length)], isOpen) : null);
}

function stepsPart({build, steps, data}, query, go) {
    const isShown = query.get("hidden") === "1";
    const hidden = steps.records.filter((step) => step.hidden).length;
    const logs = new Map(data.records.filter((value) => value.name.startsWith(LOG)).map((value) => [value.name.slice(LOG.length), value]));
    const scale = scaleOf(build, steps.records);
    const failed = steps.records.find((step) => isRed(step) && logs.has(step.name) && (isShown || !step.hidden));
    return el("section", {"aria-labelledby": "steps"}, el("h2", {id: "steps"}, "Steps"),
        hidden ? el("label", {class: "check"}, el("input", {type: "checkbox", checked: isShown,
            onchange: (event) => go({hidden: event.target.checked ? "1" : ""})}), ` Show hidden steps (${hidden})`) : null,
        steps.records.length ? axis(scale) : el("p", {class: "notice"}, "It has no steps."),
        el("ol", {class: "steps"}, steps.records.filter((step) => isShown || !step.hidden)
            .map((step) => stepRow(step, scale, logs.get(step.name), step === failed))),
        steps.next ? el("p", {class: "notice"}, `Only the first ${PAGE} steps are shown.`) : null);
}

/** A property's value as people write it: a text without its quotes. */
function spoken(property) {
    try {
        const value = JSON.parse(property.value);
        return typeof value === "string" && value ? value : property.value; // an empty one keeps its quotes
    } catch {
        return property.value ?? property.raw ?? "";
    }
}

function propertiesPart({properties}, query, go) {
    const search = (query.get("property") ?? "").toLowerCase();
    const rows = properties.records.map((property) => ({...property, text: spoken(property)}))
        .filter((row) => `${row.name} ${row.text} ${row.source}`.toLowerCase().includes(search));
    if (!properties.records.length)
        return null;
    return el("section", {"aria-labelledby": "properties"}, el("h2", {id: "properties"}, "Properties"),
        el("form", {class: "filters", role: "search", onsubmit: (event) => event.preventDefault()},
            el("label", {}, "Search properties ", el("input", {type: "search", value: query.get("property") ?? "", autocomplete: "off",
                oninput: (event) => go({property: event.target.value})}))),
        rows.length ? el("dl", {class: "properties"}, rows.map((row) => el("div", {"data-key": row.name},
            el("dt", {}, row.name), el("dd", {}, row.text, " ", el("small", {}, `from ${row.source}`)))))
            : el("p", {class: "notice"}, "No property is like that."),
        properties.next ? el("p", {class: "notice"}, `Only the first ${PAGE} properties are shown.`) : null);
}

function dataPart({data}) {
    if (!data.records.length)
        return null;
    return el("section", {"aria-labelledby": "data"}, el("h2", {id: "data"}, "Data"),
        el("ul", {class: "data"}, data.records.map((value) => el("li", {"data-key": value.name},
            el("span", {class: "name"}, value.name), el("small", {}, `from ${value.source}`), download(value)))),
        data.next ? el("p", {class: "notice"}, `Only the first ${PAGE} are shown.`) : null);
}

function triggeredPart({triggered}) {
    if (!triggered.records.length)
        return null;
    return el("section", {"aria-labelledby": "triggered"}, el("h2", {id: "triggered"}, "Triggered builds"),
        el("ul", {class: "rows"}, triggered.records.map((build) => el("li", {class: "row", "data-key": build.buildid},
            el("a", {href: `#/builds/${build.buildid}`}, `Build ${build.buildid}`), badge(build),
            el("span", {class: "state"}, build.state_string), ago(build.complete ? build.complete_at : build.started_at)))));
}

function draw(data, {query}, go) {
    if (!data.build)
        return [el("h1", {}, "No such build"), el("p", {}, el("a", {href: "#/"}, "All builders"))];
    return [head(data), stepsPart(data, query, go), triggeredPart(data), dataPart(data), propertiesPart(data, query, go)];
}

/** The view for "#/builders/BUILDER/builds/NUMBER" and "#/builds/ID". */
export const buildView = {
    title: ({build, owner}) => build ? `${resultOf(build).word}: ${owner?.name ?? "build"} #${build.number}` : "No such build",
    load,
    draw,
    isMoving: ({build}) => build !== null && !build.complete,
    concerns: (kind, event, {build}) => build !== null && (event.buildid === build.buildid ||
        (kind === "builds" && event.builderid === build.builderid)),
};
