// Elements made from values. What comes from records goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, properties, children) {
    node.handlers = {};
    for (const [name, value] of Object.entries(properties ?? {})) {
        if (name.startsWith("on"))
            node.handlers[name] = node[name] = value;
        else if (value === true)
            node.setAttribute(name, "");
        else if (value !== false && value !== null && value !== undefined)
            node.setAttribute(name, value);
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return node;
}

/** Makes an element. Properties are attributes, but for on... ones, which are handlers; `data-key` tells
 * siblings apart from one drawing to the next, and what lies in an element with `data-own` is its own. */
export function el(name, properties, ...children) {
    return fill(document.createElement(name), properties, children);
}

/** Makes an SVG element. */
export function svg(name, properties, ...children) {
    return fill(document.createElementNS(SVG, name), properties, children);
}

/** A link to an address from a record: text alone when it is not one of the web. */
export function outside(address, text) {
    let scheme = null;
    try {
        scheme = new URL(address).protocol;
    } catch {
        // Not an absolute address.
    }
    if (scheme !== "http:" && scheme !== "https:")
        return el("span", {}, `${text} (${address})`);
    return el("a", {href: address, rel: "noopener noreferrer"}, text);
}

const keyOf = (node) => node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;

function isSame(old, next) {
    return old.nodeType === next.nodeType && old.nodeName === next.nodeName && keyOf(old) === keyOf(next);
}

function takeAttributes(old, next) {
    for (const {name} of [...old.attributes])
        if (name !== "open" && !next.hasAttribute(name))
            old.removeAttribute(name);
    for (const {name, value} of next.attributes)
        if (name !== "open" && old.getAttribute(name) !== value)
            old.setAttribute(name, value);
    for (const name of Object.keys(old.handlers ?? {}))
        old[name] = next.handlers?.[name] ?? null;
    for (const [name, handler] of Object.entries(next.handlers ?? {}))
        old[name] = handler;
    old.handlers = next.handlers;
}

/** Makes `old` look like `next` and keeps what is the same in both, with its focus, its place and what a
 * person opened or typed there. */
export function redraw(old, next) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
        if (old.nodeValue !== next.nodeValue)
            old.nodeValue = next.nodeValue;
        return;
    }
    takeAttributes(old, next);
    if (old.hasAttribute("data-own"))
        return;
    const keyed = new Map([...old.childNodes].filter(keyOf).map((child) => [keyOf(child), child]));
    let at = old.firstChild;
    for (const child of [...next.childNodes]) {
        const key = keyOf(child);
        const known = key ? keyed.get(key) : at;
        if (known && isSame(known, child)) {
            if (known === at)
                at = at.nextSibling;
            else
                old.insertBefore(known, at);
            redraw(known, child);
        } else {
            old.insertBefore(child, at);
        }
    }
    while (at) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
    }
}
