// The stream of events: one for all tabs of a browser, in a worker that they share, for a browser opens only
// a few connections to one server. A browser without such workers has one a tab.

const TOPICS = ["builds/*", "steps/*", "builds/*/properties/*", "builds/*/data/*", "builders/*"];
const AGAIN_MS = 30000; // until a stream that was refused is tried again

/** What an event is about: {kind, buildid, builderid}, as far as it says. */
function subject({key, message}) {
    const kind = key.length > 3 ? key[2] : key[0];
    const buildid = key[0] === "builds" ? Number(key[1]) : message?.buildid;
    return {kind, buildid, builderid: message?.builderid};
}

/**
 * Follows the events of a daemon. `tell` gets {state: "live"}; then "seen" where the daemon finds out what happens by
 * looking; "lost" while it tries again by itself; "none"
 * when there is no stream; {event}; and {reload: true} when events were missed. Result: {end, again}: what ends it,
 * and what begins it anew, as somebody else.
 */
export function follow(url, tell) {
    let source = null;
    let timer = null;
    function begin() {
        const address = new URL(url);
        for (const topic of TOPICS)
            address.searchParams.append("topic", topic);
        source = new EventSource(address);
        source.onopen = () => tell({state: "live"});
        source.onerror = () => {
            const isOver = source.readyState === EventSource.CLOSED;
            tell({state: isOver ? "none" : "lost"});
            if (isOver)
                timer = setTimeout(begin, AGAIN_MS);
        };
        source.addEventListener("looks", () => tell({state: "seen"}));
        source.addEventListener("event", ({data}) => tell({event: subject(JSON.parse(data))}));
        source.addEventListener("reload", () => tell({reload: true}));
    }
    function end() {
        clearTimeout(timer);
        source.close();
    }
    function again() {
        end();
        begin();
    }
    begin();
    return {end, again};
}

function serveTabs(scope) {
    const tabs = new Set();
    let state = null;
    let following = null;
    const tell = (message) => {
        state = message.state ?? state;
        for (const tab of tabs)
            tab.postMessage(message);
    };
    scope.onconnect = ({ports: [tab]}) => {
        tab.onmessage = ({data}) => {
            if (data.url) {
                tabs.add(tab);
                following ??= follow(data.url, tell);
                if (state)
                    tab.postMessage({state});
                return;
            }
            if (data.again) {
                following?.again();
                return;
            }
            tabs.delete(tab);
            if (!tabs.size) {
                following?.end();
                following = state = null;
            }
        };
    };
}

if (typeof SharedWorkerGlobalScope !== "undefined" && self instanceof SharedWorkerGlobalScope)
    serveTabs(self);
