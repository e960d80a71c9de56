// What a step printed, and other values of build data: shown from its end, or handed over as a file.

import {address, ask} from "./api.js";
import {el} from "./dom.js";

const TAIL = 64000;        // bytes that are shown at first
const WHOLE_MAX = 8 << 20; // bytes that a browser can show without trouble

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

/** The end of a value. Result: {text, isCut}; text is null when it is too long to be read for its end. */
async function tail(data) {
    const isLong = data.length > TAIL;
    const response = await ask(valueOf(data), undefined, isLong ? {Range: `bytes=-${TAIL}`} : {});
    if (isLong && response.status !== 206 && data.length > WHOLE_MAX) {
        await response.body.cancel();
        return {text: null, isCut: true};
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    const shown = bytes.subarray(Math.max(0, bytes.length - TAIL));
    const text = plain(new TextDecoder().decode(shown));
    return {text: isLong ? text.slice(text.indexOf("\n") + 1) : text, isCut: isLong};
}

async function showAll(data, pre, note) {
    const bytes = await (await ask(valueOf(data))).arrayBuffer();
    pre.textContent = plain(new TextDecoder().decode(bytes));
    note.remove();
}

async function fillIn(data, place) {
    const pre = el("pre", {class: "output", tabindex: 0, role: "region", "aria-label": data.name});
    place.replaceChildren(el("p", {class: "facts"}, "Reading ..."));
    try {
        const {text, isCut} = await tail(data);
        const note = el("p", {class: "facts"}, text === null ? "Too long to be shown here. " : `The last ${size(TAIL)} of ${size(data.length)}. `,
            data.length <= WHOLE_MAX ? el("button", {type: "button", onclick: () => showAll(data, pre, note)}, "Show all") : null);
        pre.textContent = text ?? "";
        place.replaceChildren(...[isCut ? note : null, text === null ? null : pre].filter(Boolean));
        pre.scrollTop = pre.scrollHeight;
    } catch (error) {
        place.replaceChildren(el("p", {class: "notice", role: "alert"}, `It could not be read: ${error.message}`));
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
