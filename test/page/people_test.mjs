// Who may look: signing in and out on the page, by keyboard too, and records that everybody may read.

import assert from "node:assert/strict";
import {after, afterEach, before, test} from "node:test";
import {axeSource, Browser, Daemon, daybook, newDatabase} from "./browser.mjs";

let browser, db, file, token, guarded, open;

before(async () => {
    db = newDatabase();
    file = `${db}.tokens`;
    daybook(db, "run", "-b", "nightly", "--", "true");
    token = String(daybook(db, "token", "add", "me", "--right", "write", "--tokens", file)).trim();
    [browser, guarded, open] = await Promise.all([Browser.start(),
        Daemon.start(db, "127.0.0.1:0", "--tokens", file),
        Daemon.start(db, "127.0.0.1:0", "--tokens", file, "--access", "public-read")]);
});

afterEach(() => browser.clear());

after(async () => {
    await browser?.close();
    await Promise.all([guarded?.stop(), open?.stop()]);
});

const isLive = (page) => page.locator("#live.live").waitFor();

async function signIn(page) {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", {name: "Sign in"}).click();
    await page.locator(".card").first().waitFor();
}

/** What a browser says of an answer that is no is expected here; nothing else is. */
function onlyRefusals(page) {
    assert.deepEqual(page.complaints.filter((one) => !one.includes("401 (Unauthorized)")), []);
}

test("people__without_a_token_one_is_asked_for_and_a_wrong_one_is_said", async () => {
    const page = await browser.open(guarded);
    assert.equal(await page.evaluate(() => document.activeElement.name), "token");
    assert.equal(await page.locator(".card").count(), 0);
    await page.getByLabel("Token").fill("dbk_wrong");
    await page.getByRole("button", {name: "Sign in"}).click();
    await page.getByRole("alert").getByText("this token is not known").waitFor();
    await signIn(page);
    assert.equal(await page.locator("#people span").textContent(), "me");
    onlyRefusals(page);
});

test("people__the_keyboard_alone_signs_in_and_the_stream_is_live_at_once", async () => {
    const page = await browser.open(guarded);
    await page.keyboard.type(token);
    await page.keyboard.press("Enter");
    await page.locator(".card").first().waitFor();
    await isLive(page);
    daybook(db, "run", "-b", "seen live", "--", "true");
    await page.locator(".card h2", {hasText: "seen live"}).waitFor({timeout: 5000});
    onlyRefusals(page);
});

test("people__no_script_and_no_storage_sees_what_signs_one_in", async () => {
    const page = await browser.open(guarded);
    await signIn(page);
    assert.equal(await page.evaluate(() => document.cookie + JSON.stringify({...sessionStorage, ...localStorage})), "{}");
    const cookies = await page.context().cookies();
    assert.deepEqual(cookies.map((one) => [one.name, one.httpOnly, one.sameSite]), [["daybook_session", true, "Strict"]]);
    assert.notEqual(cookies[0].value, token);
});

test("people__a_reload_and_another_tab_stay_signed_in", async () => {
    const page = await browser.open(guarded);
    await signIn(page);
    await page.reload();
    await page.locator(".card").first().waitFor();
    const other = await browser.openIn(page.context(), guarded, "#/");
    await other.locator(".card").first().waitFor();
    await isLive(other);
    assert.deepEqual(other.complaints, []);
});

test("people__signing_out_takes_the_records_away_in_all_tabs", async () => {
    const page = await browser.open(guarded);
    const other = await browser.openIn(page.context(), guarded, "#/");
    await signIn(page);
    await other.bringToFront();
    await other.locator(".card").first().waitFor({timeout: 15000});
    await page.bringToFront();
    await page.getByRole("button", {name: "Sign out"}).click();
    await page.getByLabel("Token").waitFor();
    assert.equal(await page.locator(".card").count(), 0);
    assert.equal(await page.getByRole("button", {name: "Sign out"}).count(), 0);
    await other.bringToFront();
    await other.getByLabel("Token").waitFor({timeout: 30000});
    assert.deepEqual(await page.context().cookies(), []);
    onlyRefusals(page);
});

test("people__a_value_is_downloaded_by_whoever_has_signed_in", async () => {
    daybook(db, "run", "-b", "talks", "-s", "say", "echo said");
    const page = await browser.open(guarded);
    await signIn(page);
    await page.locator(".card h2 a", {hasText: "talks"}).click();
    await page.locator(".row a").first().click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", {name: /^Download/}).first().click()]);
    const bytes = Buffer.concat(await (await download.createReadStream()).toArray());
    assert.match(String(bytes), /said/);
});

test("people__what_is_public_is_read_at_once_and_signing_in_is_offered", async () => {
    const page = await browser.open(open);
    await page.locator(".card").first().waitFor();
    await isLive(page);
    await page.getByRole("button", {name: "Sign in"}).click();
    daybook(db, "run", "-b", "meanwhile", "--", "true");
    await page.getByLabel("Token").fill(token);
    await page.keyboard.press("Enter");
    await page.getByRole("button", {name: "Sign out"}).waitFor();
    await page.locator(".card h2", {hasText: "meanwhile"}).waitFor();
    await page.getByRole("button", {name: "Sign out"}).click();
    await page.getByRole("button", {name: "Sign in"}).waitFor();
    await page.locator(".card").first().waitFor();
    assert.deepEqual(page.complaints, []);
});

test("people__where_there_are_no_tokens_nobody_is_asked", async () => {
    const plain = await Daemon.start(db);
    try {
        const page = await browser.open(plain);
        await isLive(page);
        assert.equal(await page.locator("#people").textContent(), "");
        assert.deepEqual(page.complaints, []);
    } finally {
        await plain.stop();
    }
});

for (const colorScheme of ["light", "dark"])
    test(`people__axe_finds_nothing_in_the_form_in_${colorScheme}`, async () => {
        for (const width of [320, 1280]) {
            const page = await browser.open(guarded, "#/", {colorScheme, width});
            await page.getByLabel("Token").waitFor();
            await page.evaluate(axeSource);
            const found = await page.evaluate(() => window.axe.run());
            assert.deepEqual(found.violations.map((one) => `${one.id}: ${one.nodes[0].html}`), []);
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
            await browser.clear();
        }
    });
