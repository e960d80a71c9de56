// What the tests of the page share: daemons on databases of their own, and a browser that minds everything.
// Not a test itself.

import assert from "node:assert/strict";
import {spawn, execFileSync} from "node:child_process";
import fs from "node:fs";
import {createRequire} from "node:module";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import {fileURLToPath} from "node:url";
import zlib from "node:zlib";

const modules = createRequire(path.join(process.env.DAYBOOK_BROWSER_MODULES, "node_modules", "."));
const {chromium} = modules("playwright-core");
const PROGRAM = process.env.DAYBOOK;
const MASTERS = fileURLToPath(new URL("../data/buildbot-4.3.sqlite.gz", import.meta.url));

export const axeSource = fs.readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

/** A folder that is gone when the test's process is. */
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "daybook-page-"));
process.on("exit", () => fs.rmSync(folder, {recursive: true, force: true}));
for (const signal of ["SIGTERM", "SIGINT"])
    process.on(signal, () => process.exit(1));

let databases = 0;

export function newDatabase() {
    const db = path.join(folder, `${++databases}.sqlite`);
    execFileSync(PROGRAM, ["init", db], {stdio: "ignore"});
    return db;
}

/** A copy of a database that a master wrote. */
export function mastersDatabase() {
    const db = path.join(folder, `${++databases}.sqlite`);
    fs.writeFileSync(db, zlib.gunzipSync(fs.readFileSync(MASTERS)));
    return db;
}

/** What a master does in such a database. */
export function master(db, sql) {
    execFileSync("python3", ["-c", "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], 10); db.execute(sys.argv[2]); db.commit()", db, sql]);
}

/** Runs the command on a database. Its exit status may be any: a build that fails is one, too. */
export function daybook(db, ...words) {
    try {
        return execFileSync(PROGRAM, words, {env: {...process.env, DAYBOOK_DB: db}, stdio: ["ignore", "pipe", "pipe"]});
    } catch (error) {
        if (error.status === null)
            throw error;
        return error.stdout;
    }
}

export class Daemon {
    static async start(db, listen = "127.0.0.1:0", ...words) {
        const daemon = new Daemon();
        daemon.db = db;
        daemon.process = spawn(PROGRAM, ["serve", "--db", db, "--listen", listen, ...words], {stdio: ["ignore", "pipe", "inherit"]});
        for await (const line of readline.createInterface({input: daemon.process.stdout})) {
            daemon.url = / a page at (https?:\S+\/) /.exec(line)[1];
            break;
        }
        assert.ok(daemon.url, "the daemon did not start");
        daemon.listen = new URL(daemon.url).host;
        return daemon;
    }

    async stop(signal = "SIGTERM") {
        const ended = new Promise((resolve) => this.process.once("exit", resolve));
        this.process.kill(signal);
        await ended;
    }

    async write(place, value) {
        const response = await fetch(new URL(`api/v2/${place}`, this.url), {method: "POST",
            headers: {"Content-Type": "application/json"}, body: JSON.stringify(value)});
        assert.ok(response.ok, `${place}: ${response.status}`);
        return response.json();
    }
}

/** A browser whose pages note everything that should not be: errors, and requests to anywhere else. */
export class Browser {
    static async start() {
        const browser = new Browser();
        browser.chromium = await chromium.launch({executablePath: process.env.DAYBOOK_CHROMIUM, args: ["--no-sandbox"]});
        return browser;
    }

    close() {
        return this.chromium.close();
    }

    /** Closes all tabs. */
    async clear() {
        await Promise.all(this.chromium.contexts().map((context) => context.close()));
    }

    /** A tab in a profile of its own. complaints and requests grow while it is used. */
    async open(daemon, address = "#/", {width = 1280, colorScheme = "light"} = {}) {
        const context = await this.chromium.newContext({viewport: {width, height: 800}, colorScheme});
        return this.openIn(context, daemon, address);
    }

    async openIn(context, daemon, address) {
        const page = await context.newPage();
        page.complaints = [];
        page.requests = [];
        page.on("console", (message) => ["error", "warning"].includes(message.type()) && page.complaints.push(message.text()));
        page.on("pageerror", (error) => page.complaints.push(error.message));
        page.on("request", (request) => {
            page.requests.push(request.url());
            if (!request.url().startsWith(daemon.url))
                page.complaints.push(`asked elsewhere: ${request.url()}`);
        });
        page.setDefaultTimeout(10000);
        await page.goto(daemon.url + address);
        await page.locator("main h1").waitFor();
        return page;
    }
}
