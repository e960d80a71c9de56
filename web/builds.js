// A builder's builds: the newest first, filtered, a page at a time.

import {list, one} from "./api.js";
import {el} from "./dom.js";
import {badge, words} from "./results.js";
import {ago, duration, took} from "./time.js";

const PAGE = 50;
const FILTERS = ["result", "worker", "text", "cursor"];

async function load({builder, query}, signal) {
    const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) || undefined]));
    const [owner, workers, page] = await Promise.all([
        one(["builders", builder], signal),
        // A token that is limited to builders may not see them.
        list(["workers"], {limit: 200, order: "name"}, signal).catch((error) => {
            if (error.status === 403)
                return {records: []};
            throw error;
        }),
        list(["builders", builder, "builds"], {limit: PAGE, order: "-number", cursor: filters.cursor ?? "",
            results: filters.result, workerid: filters.worker, state_string__contains: filters.text}, signal),
    ]);
    return {owner, workers: workers.records, page};
}

function choice(label, name, chosen, options, go) {
    return el("label", {}, `${label} `,
        el("select", {name, onchange: (event) => go({[name]: event.target.value, cursor: ""})},
            el("option", {value: ""}, "any"),
            options.map(([value, text]) => el("option", {value, selected: chosen === String(value)}, text))));
}

function filters({workers}, query, go) {
    return el("form", {class: "filters", role: "search", onsubmit: (event) => event.preventDefault()},
        choice("Result", "result", query.get("result"), words.map((word, number) => [number, word]), go),
        choice("Worker", "worker", query.get("worker"), workers.map((worker) => [worker.workerid, worker.name]), go),
        el("label", {}, "Text ", el("input", {type: "search", name: "text", value: query.get("text") ?? "", autocomplete: "off",
            title: "What a build's state says, capitals and small letters told apart",
            onchange: (event) => go({text: event.target.value, cursor: ""})})));
}

function row(build, workers) {
    const seconds = took(build);
    return el("li", {class: "row", "data-key": build.buildid},
        el("a", {href: `#/builders/${build.builderid}/builds/${build.number}`}, `#${build.number}`),
        badge(build),
        el("span", {class: "state"}, build.state_string),
        el("span", {class: "worker"}, workers.get(build.workerid) ?? ""),
        el("span", {class: "took"}, seconds === null ? "" : duration(seconds)),
        ago(build.complete ? build.complete_at : build.started_at));
}

/** The address of the same view with other words behind the "?". */
function placed(builder, query, changes) {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(changes))
        value ? next.set(name, value) : next.delete(name);
    return `#/builders/${encodeURIComponent(builder)}${String(next) && `?${next}`}`;
}

function pages(page, builder, query) {
    return el("nav", {class: "pages", "aria-label": "Pages"},
        query.get("cursor") ? el("a", {href: placed(builder, query, {cursor: ""})}, "Newest builds") : null,
        page.next ? el("a", {href: placed(builder, query, {cursor: page.next})}, "Older builds") : null);
}

function draw(data, {builder, query}, go) {
    const {owner, page} = data;
    const workers = new Map(data.workers.map((worker) => [worker.workerid, worker.name]));
    const isFiltered = query.get("result") || query.get("worker") || query.get("text");
    if (!owner)
        return [el("h1", {}, "No such builder"), el("p", {}, el("a", {href: "#/"}, "All builders"))];
    return [
        el("nav", {class: "path", "aria-label": "Where this is"}, el("a", {href: "#/"}, "Builders")),
        el("h1", {}, owner.name),
        owner.description ? el("p", {class: "facts"}, owner.description) : null,
        filters(data, query, go),
        page.records.length ? el("ol", {class: "rows"}, page.records.map((build) => row(build, workers)))
            : el("p", {class: "notice"}, isFiltered ? "No build is like that." : "It has no builds yet."),
        pages(page, builder, query),
    ];
}

/** The view for "#/builders/BUILDER". */
export const buildsView = {
    title: (data) => data.owner?.name ?? "No such builder",
    load,
    draw,
    isMoving: (data) => data.page.records.some((build) => !build.complete),
    concerns: (kind, event, data) => kind === "builds" && event.builderid === data.owner?.builderid,
};
