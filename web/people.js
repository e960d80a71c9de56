// Who looks at the page: the form to sign in, and the name at the top with the way out.

import {signIn, signOut, whoAmI} from "./api.js";
import {el, redraw} from "./dom.js";

const place = document.getElementById("people");

/** The form. `message`: why the last try failed, or null; `onSigned` is called when it worked. */
export function signInForm(message, onSigned, onFailed) {
    return [el("h1", {}, "Sign in"),
        el("p", {role: "alert"}, message ?? "Reading these records needs a token."),
        el("form", {class: "filters", onsubmit: async (event) => {
            event.preventDefault();
            try {
                await signIn(event.target.elements.token.value.trim());
            } catch (error) {
                onFailed(error.message);
                return;
            }
            event.target.reset();
            onSigned();
        }}, el("label", {}, "Token ", el("input", {type: "password", name: "token", autocomplete: "off", required: true})),
        el("button", {}, "Sign in"))];
}

/** Shows who has signed in, as far as the daemon knows anybody. `onIn` and `onOut`: what the buttons do. */
export async function showPeople(onIn, onOut) {
    const who = await whoAmI().catch(() => null);
    if (who === null)
        return; // the daemon does not answer: the sign says so
    redraw(place, el("p", {id: "people", class: "people"},
        who.name !== null ? [el("span", {}, who.name), " ", who.is_session && el("button", {type: "button", onclick: async () => {
            await signOut().catch(() => null);
            onOut();
        }}, "Sign out")]
            : who.takes_tokens && who.is_public ? el("button", {type: "button", onclick: onIn}, "Sign in") : null));
}
