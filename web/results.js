// Results of builds and steps: a word, a sign and a colour each, for not everybody sees the colour.

import {el} from "./dom.js";

const RESULTS = [
    {word: "success", sign: "✓"},
    {word: "warnings", sign: "!"},
    {word: "failure", sign: "✗"},
    {word: "skipped", sign: "–"},
    {word: "exception", sign: "E"},
    {word: "retry", sign: "↻"},
    {word: "cancelled", sign: "∅"},
];

const UNKNOWN = {word: "unknown", sign: "?"};
const RUNNING = {word: "running", sign: "▸"};
const WAITING = {word: "waiting", sign: "·"};

/** Those that a filter can ask for, by number. */
export const words = RESULTS.map((result) => result.word);

/** Of a build or a step: {word, sign}. A step that has not begun is waiting. */
export function resultOf(record) {
    if (!record.complete)
        return record.started_at === null ? WAITING : RUNNING;
    return RESULTS[record.results] ?? UNKNOWN;
}

/** Whether a build ended badly: a failure or an exception. */
export const isRed = (build) => build.complete && (build.results === 2 || build.results === 4);

/** The sign alone; what it stands beside says the word. */
export function sign(record) {
    const result = resultOf(record);
    return el("span", {class: `sign ${result.word}`, "aria-hidden": "true"}, result.sign);
}

/** The sign and the word. */
export function badge(record) {
    const result = resultOf(record);
    return el("span", {class: `badge ${result.word}`}, sign(record), " ", result.word);
}
