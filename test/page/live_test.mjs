// The page while things happen: builds that run, a daemon that goes away and comes again, many tabs.

import assert from "node:assert/strict";
import {after, afterEach, before, test} from "node:test";
import {Browser, Daemon, daybook, master, mastersDatabase, newDatabase} from "./browser.mjs";

let browser, db, daemon;

before(async () => {
    db = newDatabase();
    daybook(db, "run", "-b", "nightly", "--", "true");
    [browser, daemon] = await Promise.all([Browser.start(), Daemon.start(db)]);
});

afterEach(() => browser.clear());

after(async () => {
    await browser?.close();
    await daemon?.stop();
});

const isLive = (page) => page.locator("#live.live").waitFor();

test("live__a_build_is_seen_from_its_start_to_its_end", async () => {
    const page = await browser.open(daemon, "#/builders/1");
    await isLive(page);
    const {buildid, number} = await daemon.write("builders/nightly/builds", {});
    await page.locator(".row", {hasText: `#${number}`}).locator(".badge.running").waitFor();
    await page.getByRole("link", {name: `#${number}`, exact: true}).click();
    const {stepid} = await daemon.write(`builds/${buildid}/steps`, {name: "compile"});
    await page.locator(".step.waiting").waitFor();
    await daemon.write(`steps/${stepid}/start`, {});
    await page.locator(".step.running").waitFor();
    await daemon.write(`steps/${stepid}/finish`, {results: "failure"});
    await page.locator(".step.failure").waitFor();
    await daemon.write(`builds/${buildid}/finish`, {results: "failure"});
    await page.locator(".now .badge.failure").waitFor();
    assert.deepEqual(page.complaints, []);
});

test("live__what_another_process_records_is_seen", async () => {
    const page = await browser.open(daemon, "#/");
    await isLive(page);
    daybook(db, "run", "-b", "from outside", "--", "true");
    await page.locator(".card h2", {hasText: "from outside"}).waitFor();
});

test("live__a_running_builds_bar_grows", async () => {
    const {buildid, number} = await daemon.write("builders/slow/builds", {});
    const {stepid} = await daemon.write(`builds/${buildid}/steps`, {name: "sleep"});
    const begun = Math.floor(Date.now() / 1000) - 2;
    await daemon.write(`steps/${stepid}/start`, {started_at: begun, locks_acquired: true});
    const page = await browser.open(daemon, `#/builds/${buildid}`);
    const seen = page.locator(".step .took");
    const first = await seen.textContent();
    await page.waitForFunction((was) => document.querySelector(".step .took").textContent !== was, first);
    assert.equal(await page.locator("h1").textContent(), `slow #${number}`);
});

test("live__what_is_typed_and_open_stays_when_the_view_changes", async () => {
    const page = await browser.open(daemon, "#/");
    await isLive(page);
    await page.getByLabel("Search builders").fill("n");
    await daemon.write("builders/new one/builds", {results: "success"});
    await page.locator(".card h2", {hasText: "new one"}).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), "q");
    assert.equal(await page.getByLabel("Search builders").inputValue(), "n");
});

test("live__a_lost_connection_is_said_and_mended_without_a_reload", async () => {
    const page = await browser.open(daemon, "#/");
    await isLive(page);
    await page.evaluate(() => window.isTheSame = true);
    await daemon.stop("SIGKILL");
    await page.getByText("connection lost, trying again").waitFor();
    assert.ok(await page.locator(".card").count() > 0, "what was shown is still there");
    daybook(db, "run", "-b", "meanwhile", "--", "true");
    daemon = await Daemon.start(db, daemon.listen);
    await page.locator(".card h2", {hasText: "meanwhile"}).waitFor({timeout: 30000});
    await isLive(page);
    assert.ok(await page.evaluate(() => window.isTheSame));
});

test("live__ten_tabs_share_one_stream", async () => {
    const first = await browser.open(daemon, "#/");
    const tabs = [first];
    while (tabs.length < 10)
        tabs.push(await browser.openIn(first.context(), daemon, "#/"));
    await Promise.all(tabs.map(isLive));
    await daemon.write("builders/for all tabs/builds", {results: "warnings"});
    for (const tab of tabs) {
        await tab.bringToFront();
        await tab.locator(".card h2", {hasText: "for all tabs"}).waitFor();
    }
    const metrics = await (await fetch(new URL("metrics", daemon.url))).text();
    assert.equal(/^daybook_streams (\d+)$/m.exec(metrics)[1], "1");
});

test("live__what_a_master_writes_who_leaves_no_events_is_seen_within_three_seconds", async () => {
    const masters = await Daemon.start(mastersDatabase());
    try {
        const page = await browser.open(masters, "#/builders/1");
        await page.getByText("live, looks twice a second").waitFor();
        const begun = Date.now();
        master(masters.db, "INSERT INTO builds (id, number, builderid, buildrequestid, workerid, masterid, started_at,"
            + " locks_duration_s, state_string) VALUES (9001, 9001, 1, 5, 1, 1, strftime('%s'), 0, 'starting')");
        await page.locator(".row", {hasText: "#9001"}).locator(".badge.running").waitFor();
        master(masters.db, "UPDATE builds SET complete_at = strftime('%s'), results = 2 WHERE id = 9001");
        await page.locator(".row", {hasText: "#9001"}).locator(".badge.failure").waitFor();
        assert.ok(Date.now() - begun < 6000);
        assert.deepEqual(page.complaints, []);
    } finally {
        await masters.stop();
    }
});

test("live__below_a_path_of_its_own_too", async () => {
    const below = await Daemon.start(db, "127.0.0.1:0", "--base-path", "/ci/daybook");
    try {
        const page = await browser.open(below, "#/builders/1");
        assert.match(page.url(), /\/ci\/daybook\/#\/builders\/1$/);
        await isLive(page);
        await below.write("builders/nightly/builds", {results: "success"});
        await page.locator(".row", {hasText: "#2"}).waitFor();
        assert.deepEqual(page.complaints, []);
    } finally {
        await below.stop();
    }
});
