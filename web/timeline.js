// A step's bar on the build's scale: from the left edge, where the build began, to the right one, where it
// ended or is now. The time that it waited for locks is drawn hollow, the time that it worked full.

import {el, svg} from "./dom.js";
import {resultOf} from "./results.js";
import {duration, now} from "./time.js";

const WIDTH = 1000;
const LEAST = 4; // a step of less than a second is seen too

/** The scale of a build and its steps: {begin, length} in seconds. */
export function scaleOf(build, steps) {
    const begins = steps.map((step) => step.started_at).filter((at) => at !== null);
    const ends = steps.map((step) => step.complete_at).filter((at) => at !== null);
    const begin = Math.min(build.started_at, ...begins);
    const end = Math.max(build.complete ? build.complete_at : now(), ...ends);
    return {begin, length: Math.max(1, end - begin)};
}

/** Seconds that a step waited for its locks, and that it worked. */
export function partsOf(step) {
    const end = step.complete ? step.complete_at : now();
    const locked = Math.min(step.locks_acquired_at ?? (step.complete ? step.started_at : end), end);
    return {waited: Math.max(0, locked - step.started_at), worked: Math.max(0, end - locked), locked};
}

function part(name, x, seconds, scale) {
    const left = Math.min(WIDTH - LEAST, x * WIDTH / scale.length);
    const width = Math.max(LEAST, Math.min(WIDTH - left, seconds * WIDTH / scale.length));
    return svg("rect", {class: name, x: left.toFixed(1), y: 1, width: width.toFixed(1), height: 8});
}

/** The bar of one step; empty before it began. */
export function bar(step, scale) {
    const frame = {class: "bar", viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: "none", "aria-hidden": "true"};
    if (step.started_at === null)
        return svg("svg", frame);
    const {waited, worked, locked} = partsOf(step);
    const isWaiting = !step.complete && step.locks_acquired_at === null;
    return svg("svg", frame,
        waited ? part("locks", step.started_at - scale.begin, waited, scale) : null,
        isWaiting ? null : part(resultOf(step).word, locked - scale.begin, worked, scale));
}

/** What the scale's marks mean. */
export function axis(scale) {
    const marks = scale.length < 4 ? [0, 1] : [0, 0.25, 0.5, 0.75, 1];
    return el("div", {class: "axis", "aria-hidden": "true"},
        marks.map((mark) => el("span", {}, duration(mark * scale.length))));
}
