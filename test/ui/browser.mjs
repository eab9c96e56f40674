// What every scenario needs of a browser: start it, look at a page with sharp eyes, wait for a condition.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

export const shop = process.env.SHOP_URL;

export function launch() {
	return chromium.launchServer({ executablePath: process.env.CHROMIUM, args: ["--disable-gpu"] });
}

export async function withBrowser(work) {
	const browser = await chromium.connect(process.env.BROWSER_WS);
	try {
		return await work(browser);
	} finally {
		await browser.close();
	}
}

// The shop tells robots from people by this, and a browser without a screen says that it is a robot.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

// open gives a page of a visitor of its own and the list of what goes wrong on it.
export async function open(browser, options = {}) {
	const context = await browser.newContext({ baseURL: shop, locale: "en-GB", userAgent, viewport: { width: 1280, height: 900 }, ...options });
	context.setDefaultTimeout(20_000);
	await context.addInitScript(() => {
		window.violations = [];
		addEventListener("securitypolicyviolation", (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
	});
	const page = await context.newPage();
	const faults = [];
	page.on("console", (m) => {
		if (m.type() !== "error" || expected(m.location().url)) return;
		faults.push(`console: ${m.text()} (${m.location().url})`);
	});
	page.on("pageerror", (e) => faults.push(`script: ${e.message}`));
	page.on("requestfailed", (r) => {
		// The browser itself calls off what it does not need any more: another size of a picture fits now.
		if (r.failure()?.errorText !== "net::ERR_ABORTED") faults.push(`request: ${r.url()} ${r.failure()?.errorText}`);
	});
	page.on("response", (r) => {
		if (r.status() >= 400 && !expected(r.url())) faults.push(`answer: ${r.status()} ${r.url()}`);
	});
	// A page that is asked for because it answers with an error is no fault.
	const refused = new Set();
	const expected = (url) => refused.has(new URL(url, shop).pathname);
	return { context, page, faults, refused };
}

// wide lists what sticks out of the page to the right.
export function wide(page) {
	return page.evaluate(() => {
		const most = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= most) return [];
		const out = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > most + 0.5);
		return [`${document.documentElement.scrollWidth} > ${most}`, ...out.slice(0, 5).map((e) => `${e.localName}.${e.className}`)];
	});
}

// shifted is how much of the page has moved by itself since it was loaded (CLS).
export function shifted(page) {
	return page.evaluate(async () => {
		let sum = 0;
		const seen = new PerformanceObserver((list) => {
			for (const e of list.getEntries()) if (!e.hadRecentInput) sum += e.value;
		});
		seen.observe({ type: "layout-shift", buffered: true });
		// What is buffered is told before the second of two frames.
		for (let i = 0; i < 2; i++) await new Promise((done) => requestAnimationFrame(done));
		await new Promise((done) => setTimeout(done));
		for (const e of seen.takeRecords()) if (!e.hadRecentInput) sum += e.value;
		seen.disconnect();
		return sum;
	});
}

// telling gives the list of events that the pages of a context send, as their script gives them to the browser.
export async function telling(context) {
	const told = [];
	await context.exposeFunction("told", (batch) => told.push(...JSON.parse(batch).events));
	await context.addInitScript(() => {
		const send = navigator.sendBeacon.bind(navigator);
		navigator.sendBeacon = (at, blob) => {
			blob.text().then((batch) => window.told(batch));
			return send(at, blob);
		};
	});
	return told;
}

// uncovered reports whether nothing lies over an element that was scrolled into view, at its upper and lower edge.
export function uncovered(locator) {
	return locator.evaluate((e) => {
		e.scrollIntoView({ block: "nearest", behavior: "instant" });
		const r = e.getBoundingClientRect();
		return [r.top + 2, r.bottom - 2].every((y) => e.contains(document.elementFromPoint(r.left + r.width / 2, y)));
	});
}

// missing lists the pictures that do not show, after all of the page was scrolled by.
export async function missing(page) {
	await page.evaluate(async () => {
		const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
		for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
			scrollTo({ top: y, behavior: "instant" });
			await frame();
		}
		for (const img of document.images) {
			img.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
			await frame();
		}
		for (const e of document.querySelectorAll("*")) if (e.scrollLeft > 0) e.scrollTo({ left: 0, behavior: "instant" });
		scrollTo({ top: 0, behavior: "instant" });
		await frame();
	});
	await until("all pictures to be there or broken", () => page.evaluate(() => [...document.images].every((i) => i.complete)));
	return page.evaluate(() => [...document.images].filter((i) => i.naturalWidth === 0).map((i) => i.currentSrc || i.src));
}

export async function until(what, holds) {
	const deadline = Date.now() + 20_000;
	while (!(await holds())) {
		assert.ok(Date.now() < deadline, `waited 20 s in vain for ${what}`);
		await new Promise((done) => setTimeout(done, 25));
	}
}

export async function text(locator) {
	return (await locator.innerText()).replace(/\s+/g, " ").trim();
}

// catalogue is what the shop sells, as its JSON API says.
export async function catalogue() {
	const all = [];
	for (let cursor = ""; ; ) {
		const answer = await fetch(`${shop}/api/v1/products?limit=100${cursor && `&after=${encodeURIComponent(cursor)}`}`);
		assert.equal(answer.status, 200);
		const { items, next } = await answer.json();
		all.push(...items);
		if (!next) return all;
		cursor = next;
	}
}
