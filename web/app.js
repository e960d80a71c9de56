// The page: which view an address means, and when it is drawn again.

import {ApiError} from "./api.js";
import {buildView} from "./build.js";
import {buildersView} from "./builders.js";
import {buildsView} from "./builds.js";
import {el, redraw} from "./dom.js";
import {watch} from "./live.js";
import {showPeople, signInForm} from "./people.js";

const GAP_MS = 1000;   // between two readings of a view
const SOON_MS = 150;   // events come in flocks
const TICK_MS = 1000;  // of what moves
const TICKS_STILL = 10; // of these, for what does not: "3 min ago"

const main = document.getElementById("main");
const sign = document.getElementById("live");

/** The views' addresses are those of Buildbot's own page. */
const ROUTES = [
    {pattern: /^\/?$/, view: buildersView, names: []},
    {pattern: /^\/builders\/([^/]+)$/, view: buildsView, names: ["builder"]},
    {pattern: /^\/builders\/([^/]+)\/builds\/(\d+)$/, view: buildView, names: ["builder", "number"]},
    {pattern: /^\/builds\/(\d+)$/, view: buildView, names: ["id"]},
];

let visit = null; // what is looked at: {view, place, data, abort}

function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

/** Result: {view, place}; null for an address of no view. */
function parse(hash) {
    const [path, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
    for (const {pattern, view, names} of ROUTES) {
        const found = pattern.exec(path);
        if (found)
            return {view, place: {...Object.fromEntries(names.map((name, i) => [name, decoded(found[i + 1])])),
                query: new URLSearchParams(query)}};
    }
    return null;
}

function show(nodes) {
    redraw(main, el("main", {id: "main", tabindex: "-1"}, nodes));
}

function paint() {
    show(visit.view.draw(visit.data, visit.place, go));
    document.title = `${visit.view.title(visit.data)} · daybook`;
}

/** Changes words behind the "?" of the address. What is there is drawn at once, and read again soon. */
function go(changes) {
    const {query} = visit.place;
    for (const [name, value] of Object.entries(changes))
        value ? query.set(name, value) : query.delete(name);
    const path = location.hash.split("?")[0] || "#/";
    history.replaceState(null, "", String(query) ? `${path}?${query}` : path);
    if (visit.data && !visit.isFailed)
        paint();
    refresh();
}

/** Somebody came or went: the view, the stream and the name at the top begin anew. */
function begin() {
    watching.again();
    sayWho();
    open();
}

function sayWho() {
    showPeople(() => {
        visit.isWished = true; // the form stays, whatever is read meanwhile
        askForToken(null);
    }, begin);
}

function askForToken(message) {
    visit.isAsking = visit.isFailed = true;
    show(signInForm(message, begin, askForToken));
    sayState();
    document.title = "daybook";
    if (message === null)
        main.querySelector("input").focus();
}

function fail(error) {
    // What is shown stays while the daemon does not answer: the sign says so.
    visit.isFailed = !visit.data || error.status > 0;
    if (error.status === 401 && !visit.isAsking)
        askForToken(null);
    else if (visit.isFailed && !visit.isAsking)
        show([el("h1", {}, "It could not be read"), el("p", {class: "notice", role: "alert"}, `${error.message}. `,
            el("button", {type: "button", onclick: () => read()}, "Try again"))]);
    if (visit.isFailed)
        document.title = "daybook";
}

/** Reads the view's records and draws it. One reading at a time: what is asked meanwhile comes after it. */
async function read() {
    const mine = visit;
    const isFirst = !mine.data;
    mine.isReading = true;
    mine.isStale = false;
    try {
        const data = await mine.view.load(mine.place, mine.abort.signal, mine.data);
        if (mine !== visit)
            return;
        mine.data = data;
        if (mine.isAsking && !mine.isWished) // somebody signed in, in another tab
            sayWho();
        mine.isFailed = mine.isAsking = mine.isWished === true;
        sayState();
        if (!mine.isWished)
            paint();
    } catch (error) {
        if (mine !== visit)
            return;
        if (!(error instanceof ApiError))
            console.error(error);
        fail(error);
    }
    main.removeAttribute("aria-busy");
    if (isFirst && mine.isMoved && !mine.isAsking)
        main.focus({preventScroll: true});
    setTimeout(() => {
        mine.isReading = false;
        if (mine === visit && mine.isStale)
            read();
    }, GAP_MS);
}

/** Reads again soon; a tab that nobody sees waits until somebody does. */
function refresh() {
    const mine = visit;
    if (mine.isStale)
        return;
    mine.isStale = true;
    setTimeout(() => mine === visit && mine.isStale && !mine.isReading && !document.hidden && read(), SOON_MS);
}

function open() {
    const isMoved = visit !== null;
    visit?.abort.abort();
    const found = parse(location.hash);
    visit = {...found, data: null, abort: new AbortController(), isMoved};
    main.replaceChildren();
    window.scrollTo(0, 0);
    if (found) {
        main.setAttribute("aria-busy", "true");
        read();
    } else {
        visit = {view: {load: async () => ({}), title: () => "No such page", isMoving: () => false, concerns: () => false,
            draw: () => [el("h1", {}, "No such page"), el("p", {}, el("a", {href: "#/"}, "All builders"))]},
        place: {query: new URLSearchParams()}, data: {}, abort: new AbortController()};
        paint();
    }
}

let ticks = 0;
function tick() {
    ticks++;
    const isDue = visit.data && (ticks % TICKS_STILL === 0 || visit.view.isMoving(visit.data));
    if (isDue && !visit.isFailed && !document.hidden)
        paint();
}

let state = null; // of the stream
function sayState() {
    const isShown = state !== null && !visit.isAsking;
    sign.textContent = isShown ? SIGNS[state] : "";
    sign.className = `stream ${isShown ? state : ""}`;
}

const SIGNS = {live: "live", seen: "live, looks twice a second", lost: "connection lost, trying again", looking: "looks again every 10 s"};

document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
});
window.addEventListener("hashchange", open);
document.addEventListener("visibilitychange", () => !document.hidden && visit.isStale && !visit.isReading && read());
open();
setInterval(tick, TICK_MS);
sayWho();
const watching = watch({
    // What happens while the first reading is under way may not be in it.
    onEvent: (event) => (!visit.data || visit.view.concerns(event.kind, event, visit.data)) && refresh(),
    onStale: refresh,
    onState: (next) => {
        state = next;
        sayState();
    },
});
