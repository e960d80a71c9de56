// Opens the page of a daemon and prints a line of JSON for each build that its strips show, whenever it looks another
// way: [builder, number, the result's word]. The first line is "open". It ends when its input does.

import {Browser} from "./browser.mjs";

const [url] = process.argv.slice(2);
const browser = await Browser.start();
const page = await browser.open({url}, "#/");
await page.exposeFunction("tell", (seen) => console.log(JSON.stringify(seen)));
await page.evaluate(() => {
    const shown = new Map();
    const look = () => {
        for (const link of document.querySelectorAll(".strip a")) {
            const [, builder, number] = /builders\/(\d+)\/builds\/(\d+)/.exec(link.getAttribute("href"));
            if (shown.get(`${builder} ${number}`) !== link.className)
                window.tell([Number(builder), Number(number), link.className]);
            shown.set(`${builder} ${number}`, link.className);
        }
    };
    new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true});
    look();
});
await page.locator("#live.seen").waitFor();
console.log(JSON.stringify("open"));
process.stdin.resume();
await new Promise((resolve) => process.stdin.on("end", resolve));
if (page.complaints.length)
    console.log(JSON.stringify({complaints: page.complaints}));
await browser.close();
