// The views of the page in a real browser, on records of real runs and of a real master.

import assert from "node:assert/strict";
import {after, afterEach, before, test} from "node:test";
import {axeSource, Browser, Daemon, daybook, mastersDatabase, newDatabase} from "./browser.mjs";

const FAILING = 'for i in $(seq 12000); do echo "line $i"; done; echo "<b>the end</b>"; exit 1';

let browser, own, masters, empty;

before(async () => {
    const db = newDatabase();
    daybook(db, "run", "-b", "nightly", "-s", "compile", "true");
    daybook(db, "run", "-b", "nightly", "-s", "compile", "true", "-s", "check", FAILING);
    daybook(db, "run", "-b", "docs", "--", "true");
    daybook(db, "run", "-b", "<i>odd</i>", "--", "true");
    daybook(db, "properties", "set", "nightly/2", "<img src=x onerror=alert(1)>", '"<script>alert(1)</script>"');
    daybook(db, "steps", "url", "nightly/2", "check", "report", "https://example.org/report");
    daybook(db, "steps", "url", "nightly/2", "check", "trap", "javascript:alert(1)");
    [browser, own, masters, empty] = await Promise.all([Browser.start(), Daemon.start(db),
        Daemon.start(mastersDatabase()), Daemon.start(newDatabase())]);
    const whole = await own.write("builders/locked/builds", {results: "success", started_at: 1000, complete_at: 1100,
        steps: [{name: "first", started_at: 1000, locks_acquired_at: 1000, complete_at: 1020, results: "success"},
            {name: "waits", started_at: 1020, locks_acquired_at: 1060, complete_at: 1100, results: "success"},
            {name: "unseen", started_at: 1100, locks_acquired_at: 1100, complete_at: 1100, results: "success", hidden: true}]});
    assert.ok(whole.buildid);
});

afterEach(() => browser.clear());

after(async () => {
    await browser?.close();
    await Promise.all([own, masters, empty].map((daemon) => daemon?.stop()));
});

const apiRequests = (page) => page.requests.filter((url) => url.includes("/api/v2/"));

/** What a view asks for, each once: it is read again when the stream has begun. The page itself asks who looks. */
const questions = (page) => new Set(apiRequests(page).filter((url) => !/events|session/.test(url)));

/** Nothing in the console, nothing asked elsewhere, and no total. */
function quiet(page) {
    assert.deepEqual(page.complaints, []);
    for (const url of apiRequests(page).filter((one) => one.includes("limit=")))
        assert.match(url, /total=none/);
}

test("builders__the_red_ones_come_first_each_result_with_a_sign", async () => {
    const page = await browser.open(own);
    assert.equal(await page.locator(".card h2").first().textContent(), "nightly");
    assert.equal(await page.locator(".card").first().locator(".badge").textContent(), "✗ failure");
    assert.deepEqual(await page.locator(".card").first().locator(".strip a").evaluateAll((all) =>
        all.map((one) => one.getAttribute("aria-label"))), ["#1 success", "#2 failure"]);
    assert.match(await page.locator(".card").first().textContent(), /50 % of 2 succeeded · median \d+ s/);
    assert.equal(questions(page).size, 2);
    quiet(page);
});

test("builders__a_search_keeps_what_has_the_text_and_is_in_the_address", async () => {
    const page = await browser.open(own);
    await page.getByLabel("Search builders").fill("DOC");
    await page.waitForFunction(() => document.querySelectorAll(".card").length === 1);
    assert.match(page.url(), /#\/\?q=DOC$/);
    await page.reload();
    await page.locator(".card").waitFor();
    assert.equal(await page.locator(".card h2").allTextContents().then(String), "docs");
    quiet(page);
});

test("builders__a_name_with_markup_is_text", async () => {
    const page = await browser.open(own);
    assert.ok((await page.locator(".card h2").allTextContents()).includes("<i>odd</i>"));
    assert.equal(await page.locator("main i, main img, main script").count(), 0);
    quiet(page);
});

test("builders__an_empty_store_explains_what_to_type", async () => {
    const page = await browser.open(empty);
    await page.getByText("daybook run --builder nightly -- make").waitFor();
    quiet(page);
});

test("builds__filters_by_result_and_text", async () => {
    const page = await browser.open(masters, "#/builders/3");
    await page.getByLabel("Result").selectOption("failure");
    await page.waitForFunction(() => [...document.querySelectorAll(".row .badge")].every((one) => one.textContent.includes("failure")));
    assert.match(page.url(), /result=2/);
    await page.getByLabel("Text").fill("no build says this");
    await page.getByLabel("Text").press("Enter");
    await page.getByText("No build is like that.").waitFor();
    quiet(page);
});

test("builds__an_older_page_stays_where_it_is_when_builds_are_added", async () => {
    for (let i = 0; i < 60; i++)
        await own.write("builders/many/builds", {results: "success"});
    const page = await browser.open(own);
    await page.locator(".card h2 a", {hasText: "many"}).click();
    await page.getByRole("link", {name: "Older builds"}).click();
    await page.waitForFunction(() => document.querySelectorAll(".row").length === 10);
    const rows = () => page.locator(".row a").allTextContents();
    const shown = await rows();
    assert.equal(shown[0], "#10");
    await own.write("builders/many/builds", {results: "failure"});
    await page.reload();
    await page.locator(".row").first().waitFor();
    assert.deepEqual(await rows(), shown);
    quiet(page);
});

test("build__the_failed_steps_output_is_open_at_its_end", async () => {
    const page = await browser.open(own, "#/builders/1/builds/2");
    const output = page.locator("details[open] pre");
    await output.waitFor();
    assert.match(await output.textContent(), /line 12000\n<b>the end<\/b>\n$/);
    assert.ok(!(await output.textContent()).includes("line 1\n"));
    const below = await output.evaluate((pre) => pre.scrollHeight - pre.scrollTop - pre.clientHeight);
    assert.ok(below < 2, `${below} px below what is seen`);
    await page.getByRole("button", {name: "Show all"}).click();
    await page.waitForFunction(() => document.querySelector("details[open] pre").textContent.startsWith("line 1\n"));
    quiet(page);
});

test("build__an_output_over_8_mib_is_shown_in_pieces_from_its_end", async () => {
    const text = Array.from({length: 900000}, (_, i) => `lïne ${i}\n`).join("");
    await own.write("builders/long/builds", {results: "failure", started_at: 1000, complete_at: 1100,
        steps: [{name: "check", started_at: 1000, locks_acquired_at: 1000, complete_at: 1100, results: "failure"}]});
    const put = await fetch(new URL("api/v2/builders/long/builds/1/data/log%2Fcheck/value", own.url), {method: "PUT",
        headers: {"Content-Type": "application/octet-stream"}, body: text});
    assert.equal(put.status, 200);
    const page = await browser.open(own, "#/builders/long/builds/1");
    const output = page.locator("details[open] pre");
    await page.getByText("The last 64.0 kB of ").waitFor();
    const first = await output.textContent();
    assert.ok(first.startsWith("lïne ") && text.endsWith(first) && first.length < 64000);
    await page.getByRole("button", {name: "Show 1.05 MB before"}).click();
    await page.waitForFunction(() => document.querySelector("details[open] pre").textContent.length > 1000000);
    await page.getByRole("button", {name: "Show 1.05 MB before"}).click();
    await page.waitForFunction(() => document.querySelector("details[open] pre").textContent.length > 1900000);
    const shown = await output.textContent();
    assert.ok(shown.startsWith("lïne ") && text.endsWith(shown) && shown.length < 2200000);
    quiet(page);
});

test("build__only_addresses_of_the_web_are_links", async () => {
    const page = await browser.open(own, "#/builders/1/builds/2");
    const report = page.getByRole("link", {name: "report"});
    assert.equal(await report.getAttribute("href"), "https://example.org/report");
    assert.match(await report.getAttribute("rel"), /noopener/);
    assert.equal(await page.getByText("trap (javascript:alert(1))").count(), 1);
    assert.equal(await page.locator("a[href^='javascript']").count(), 0);
    quiet(page);
});

test("build__properties_are_found_by_name_and_value_and_stay_text", async () => {
    const page = await browser.open(own, "#/builders/1/builds/2");
    await page.getByLabel("Search properties").fill("ALERT");
    await page.waitForFunction(() => document.querySelectorAll(".properties dt").length === 1);
    assert.equal(await page.locator(".properties dt").textContent(), "<img src=x onerror=alert(1)>");
    assert.match(await page.locator(".properties dd").textContent(), /^<script>alert\(1\)<\/script>/);
    assert.equal(await page.locator("main img, main script").count(), 0);
    quiet(page);
});

test("build__a_property_without_a_text_keeps_its_quotes", async () => {
    const page = await browser.open(masters, "#/builds/9");
    await page.getByLabel("Search properties").fill("codebase");
    await page.waitForFunction(() => document.querySelectorAll(".properties dt").length === 1);
    assert.equal(await page.locator(".properties dd").textContent(), '"" from Build');
    quiet(page);
});

test("build__steps_are_drawn_to_scale_with_waiting_apart", async () => {
    const page = await browser.open(own);
    await page.locator(".card h2 a", {hasText: "locked"}).click();
    await page.locator(".row a").click();
    await page.locator(".step").first().waitFor();
    const bars = await page.locator(".step").evaluateAll((steps) => steps.map((step) =>
        [...step.querySelectorAll("rect")].map((rect) => [rect.getAttribute("class"), Number(rect.getAttribute("x")), Number(rect.getAttribute("width"))])));
    assert.deepEqual(bars, [[["success", 0, 200]], [["locks", 200, 400], ["success", 600, 400]]]);
    assert.match(await page.locator(".step").nth(1).textContent(), /40 s, after 40 s for locks/);
    await page.getByLabel("Show hidden steps (1)").check();
    await page.waitForFunction(() => document.querySelectorAll(".step").length === 3);
    assert.match(page.url(), /hidden=1/);
    quiet(page);
});

test("build__neighbours_and_triggered_builds_are_a_step_away", async () => {
    const page = await browser.open(masters, "#/builders/5/builds/7");
    await page.getByRole("heading", {name: "Triggered builds"}).waitFor();
    assert.equal(questions(page).size, 10);
    await page.getByRole("link", {name: "Last successful #5"}).click();
    await page.getByRole("heading", {name: "fan-out #5"}).waitFor();
    await page.getByRole("link", {name: "Next #6"}).waitFor();
    quiet(page);
});

test("build__data_are_downloaded_as_they_are", async () => {
    const page = await browser.open(masters, "#/builders/5/builds/7");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", {name: "size-report"}).click()]);
    const bytes = (await (await download.createReadStream()).toArray()).reduce((sum, piece) => sum + piece.length, 0);
    assert.equal(bytes, 52);
});

test("build__sources_of_data_stand_below_each_other", async () => {
    const page = await browser.open(own, "#/builders/1/builds/2");
    const places = await page.locator(".data small").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().x));
    assert.ok(places.length > 1);
    assert.equal(new Set(places).size, 1, places);
    quiet(page);
});

test("page__the_policy_stops_inline_script_and_markup", async () => {
    const page = await browser.open(own);
    const refused = await page.evaluate(() => [
        () => document.body.innerHTML = "<p>markup</p>",
        () => document.body.setAttribute("onclick", "alert(1)"),
        () => document.createElement("script").text = "alert(1)",
    ].filter((attempt) => {
        try {
            attempt();
            return false;
        } catch (error) {
            return error instanceof TypeError;
        }
    }).length);
    assert.equal(refused, 3);
});

test("page__the_keyboard_reaches_the_records_at_once", async () => {
    const page = await browser.open(own);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the records");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.name), "q");
    quiet(page);
});

const VIEWS = () => [[own, "#/"], [empty, "#/"], [masters, "#/builders/3"], [own, "#/builders/1/builds/2"],
    [masters, "#/builders/5/builds/7"], [own, "#/nowhere"]];

for (const colorScheme of ["light", "dark"])
    test(`page__axe_finds_nothing_in_${colorScheme}`, async () => {
        for (const [daemon, address] of VIEWS()) {
            const page = await browser.open(daemon, address, {colorScheme});
            await page.evaluate(axeSource);
            const found = await page.evaluate(() => window.axe.run());
            assert.deepEqual(found.violations.map((one) => `${address} ${one.id}: ${one.nodes[0].html}`), []);
            await browser.clear();
        }
    });

for (const width of [320, 768, 2560])
    test(`page__nothing_is_cut_off_at_${width}_pixels`, async () => {
        for (const [daemon, address] of VIEWS()) {
            const page = await browser.open(daemon, address, {width});
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), address);
            quiet(page);
            await browser.clear();
        }
    });
