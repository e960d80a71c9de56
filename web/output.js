// What a step printed, and other values of build data: shown from its end, or handed over as a file.

import {address, ask} from "./api.js";
import {el} from "./dom.js";

const TAIL = 64000;        // bytes that are shown at first
const WHOLE_MAX = 8 << 20; // bytes that a browser can show without trouble
const PART = 1 << 20;      // bytes that are added in front of a longer one at a time

/** "512 bytes", "1.4 MB". */
export function size(bytes) {
    if (bytes < 1000)
        return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
    const power = Math.min(3, Math.floor(Math.log10(bytes) / 3));
    return `${(bytes / 1000 ** power).toPrecision(3)} ${["", "kB", "MB", "GB"][power]}`;
}

const valueOf = (data) => address(["builds", data.buildid, "data", data.name, "value"]);

/** Terminals' colours and movements are left out. */
// eslint-disable-next-line no-control-regex
const plain = (text) => text.replace(/\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\))/g, "").replace(/\r\n/g, "\n");

/** A link that hands a value over as a file. */
export function download(data) {
    const text = `Download ${size(data.length)}`;
    return el("a", {href: valueOf(data), download: "", "aria-label": `${text}: ${data.name}`}, text);
}

/** The part of a value that ends before a byte, from the beginning of a line on. Result: {text, begin}. */
async function part(data, end, length) {
    const from = Math.max(0, end - length);
    const response = await ask(valueOf(data), undefined, end ? {Range: `bytes=${from}-${end - 1}`} : {});
    let bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status !== 206) // a proxy that knows no ranges
        bytes = bytes.subarray(from, end);
    const line = from > 0 ? bytes.indexOf(10) + 1 : 0; // a line that is longer than the part is cut
    return {text: plain(new TextDecoder().decode(bytes.subarray(line))), begin: from + line};
}

/** Puts the part before what is shown in front of it; what was in sight stays there. */
async function showMore(data, pre, state, length) {
    const {text, begin} = await part(data, state.begin, length);
    const below = pre.scrollHeight - pre.scrollTop;
    pre.prepend(text);
    pre.scrollTop = pre.scrollHeight - below;
    state.begin = begin;
}

/** What is shown of a long value, and how to see what comes before. */
function noteOf(data, pre, state, place) {
    const more = (length, text) => el("button", {type: "button", onclick: async (event) => {
        event.target.disabled = true;
        try {
            await showMore(data, pre, state, length);
            note.replaceWith(...state.begin > 0 ? [noteOf(data, pre, state, place)] : []);
        } catch (error) {
            complain(place, error);
        }
    }}, text);
    const note = el("p", {class: "facts"}, `The last ${size(data.length - state.begin)} of ${size(data.length)}. `,
        data.length <= WHOLE_MAX ? more(data.length, "Show all") : more(PART, `Show ${size(Math.min(PART, state.begin))} before`));
    return note;
}

const complain = (place, error) => place.replaceChildren(el("p", {class: "notice", role: "alert"}, `It could not be read: ${error.message}`));

async function fillIn(data, place) {
    const pre = el("pre", {class: "output", tabindex: 0, role: "region", "aria-label": data.name});
    place.replaceChildren(el("p", {class: "facts"}, "Reading ..."));
    try {
        const state = await part(data, data.length, TAIL);
        pre.textContent = state.text;
        place.replaceChildren(...[state.begin > 0 ? noteOf(data, pre, state, place) : null, pre].filter(Boolean));
        pre.scrollTop = pre.scrollHeight;
    } catch (error) {
        complain(place, error);
    }
}

/** A value that can be opened; it is read when it is. Another length makes another one, so that what grew is
 * read again. */
export function output(data, summary, isOpen) {
    const place = el("div", {"data-own": true});
    let isRead = false;
    return el("details", {class: "value", "data-key": `${data.name} ${data.length} ${isOpen}`, open: isOpen,
        ontoggle: (event) => {
            if (event.target.open && !isRead) {
                isRead = true;
                fillIn(data, event.target.lastElementChild);
            }
        }}, el("summary", {}, summary), place);
}
