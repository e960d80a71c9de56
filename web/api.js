// What the page asks of the daemon. Lists come a page at a time, and never with a total.

/** Relative to the page, so that it also works below a path of a proxy's. */
const ROOT = new URL("api/v2/", document.baseURI);

export class ApiError extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

/** An address below the root: each part is encoded, each parameter too. */
export function address(parts, parameters = {}) {
    const url = new URL(parts.map(encodeURIComponent).join("/"), ROOT);
    for (const [name, value] of Object.entries(parameters))
        if (value !== undefined && value !== null)
            url.searchParams.set(name, value);
    return url;
}

async function refusal(response) {
    let said = response.statusText;
    try {
        said = (await response.json()).error ?? said;
    } catch {
        // Not one of the daemon's own answers.
    }
    return new ApiError(response.status, said);
}

/** Asks. Rejects with an ApiError for an answer that is an error, status 0 for none at all. */
export async function ask(url, signal, headers = {}, rest = {}) {
    let response;
    try {
        response = await fetch(url, {signal, headers, cache: "no-store", ...rest});
    } catch (error) {
        if (error.name === "AbortError")
            throw error;
        throw new ApiError(0, "the daemon does not answer");
    }
    if (!response.ok)
        throw await refusal(response);
    return response;
}

/** One page of a list: {records, next}, where next is a cursor or null. */
export async function list(parts, parameters, signal) {
    const url = address(parts, {limit: 50, cursor: "", total: "none", ...parameters});
    const answer = await (await ask(url, signal)).json();
    const name = Object.keys(answer).find((key) => key !== "meta");
    return {records: answer[name], next: answer.meta.next_cursor ?? null};
}

/** One record; null when there is none. */
export async function one(parts, signal) {
    try {
        const answer = await (await ask(address(parts), signal)).json();
        return answer[Object.keys(answer).find((key) => key !== "meta")][0];
    } catch (error) {
        if (error.status === 404)
            return null;
        throw error;
    }
}

/** Who has signed in: {name, right, is_session, takes_tokens, is_public}; the name is null when nobody has. */
export async function whoAmI() {
    return (await ask(address(["session"]))).json();
}

/** Exchanges a token for a cookie that no script sees. */
export async function signIn(token) {
    await ask(address(["session"]), undefined, {"Content-Type": "application/json"}, {method: "POST", body: JSON.stringify({token})});
}

/** Gives the cookie back. */
export async function signOut() {
    await ask(address(["session"]), undefined, {}, {method: "DELETE"});
}
