// Times and durations, in seconds as records have them.

import {el} from "./dom.js";

/** Seconds since 1970. */
export const now = () => Math.floor(Date.now() / 1000);

/** "12 s", "1 min 16 s", "2 h 5 min", "3 d 4 h". */
export function duration(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 60)
        return `${s} s`;
    if (s < 3600)
        return `${Math.floor(s / 60)} min ${s % 60} s`;
    if (s < 86400)
        return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

function relative(seconds) {
    if (seconds < -5)
        return `in ${duration(-seconds)}`;
    if (seconds < 5)
        return "just now";
    if (seconds < 60)
        return `${seconds} s ago`;
    if (seconds < 3600)
        return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86400)
        return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} d ago`;
}

/** How long ago; the exact time on hover. */
export function ago(at) {
    if (at === null)
        return el("span", {}, "not begun");
    const date = new Date(at * 1000);
    if (Number.isNaN(date.getTime()))
        return el("span", {}, String(at));
    return el("time", {datetime: date.toISOString(), title: date.toLocaleString(undefined, {dateStyle: "full", timeStyle: "long"})},
        relative(now() - at));
}

/** How long a build or step took, or has taken so far; null before it began. */
export function took(record) {
    if (record.started_at === null)
        return null;
    return Math.max(0, (record.complete ? record.complete_at : now()) - record.started_at);
}

/** The middle of a list; null of an empty one. */
export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const half = sorted.length >> 1;
    if (!sorted.length)
        return null;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
