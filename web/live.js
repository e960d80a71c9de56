// What happens meanwhile: events where there is a stream of them, and a look now and then where there is none.

import {follow} from "./stream.js";

const LOOK_MS = 10000;
const LOOK_ROUNDS_LIVE = 3; // of these: in an adopted database a master's own writes make no events

/** The stream of all tabs, or this tab's own. Result: what begins it anew. */
function connect(tell) {
    const url = new URL("api/v2/events", document.baseURI).href;
    if (typeof SharedWorker === "undefined")
        return follow(url, tell).again;
    const script = new URL("stream.js", import.meta.url).href;
    const trusted = window.trustedTypes?.createPolicy("daybook", {createScriptURL: (text) => text}).createScriptURL(script) ?? script;
    const worker = new SharedWorker(trusted, {type: "module", name: url});
    let own = null;
    worker.onerror = () => own = follow(url, tell);
    worker.port.onmessage = ({data}) => tell(data);
    worker.port.postMessage({url});
    window.addEventListener("pagehide", () => worker.port.postMessage({bye: true}));
    window.addEventListener("pageshow", (event) => {
        if (event.persisted)
            worker.port.postMessage({url});
    });
    return () => own ? own.again() : worker.port.postMessage({again: true});
}

/**
 * Watches. `onEvent` gets what an event is about; `onStale` is called when anything may have happened;
 * `onState` gets "live", "seen" (live, but by the daemon's looking), "lost" or "looking". Result: {again}, which begins the stream anew.
 */
export function watch({onEvent, onStale, onState}) {
    let state = null;
    function enter(next) {
        const was = state;
        state = next;
        onState(next);
        // What was read before the stream began may be old already.
        if (was !== next && (next === "live" || next === "seen"))
            onStale();
    }
    const again = connect((message) => {
        if (message.event)
            onEvent(message.event);
        else if (message.reload)
            onStale();
        else
            enter(message.state === "none" ? "looking" : message.state);
    });
    let rounds = 0;
    setInterval(() => {
        rounds++;
        if (!document.hidden && (state === "looking" || ((state === "live" || state === "seen") && rounds % LOOK_ROUNDS_LIVE === 0)))
            onStale();
    }, LOOK_MS);
    return {again};
}
