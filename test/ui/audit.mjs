// node audit.mjs DIRECTORY looks at every kind of page of a running demo, light and dark, on a phone, a
// tablet and a desk: axe-core's rules, what sticks out of the window, and a picture of each into the
// directory. SHOP_URL is the shop, CREDENTIALS the demo's credentials.json. Findings are the exit code.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { launch, missing, open, wide, withBrowser } from "./browser.mjs";
import * as shopping from "./shopping.mjs";

const into = process.argv[2];
if (!into || !process.env.SHOP_URL || !process.env.CHROMIUM) {
	console.error("give a directory, SHOP_URL, CHROMIUM and, for the pages of people, CREDENTIALS");
	process.exit(2);
}
await mkdir(into, { recursive: true });
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const people = process.env.CREDENTIALS ? JSON.parse(await readFile(process.env.CREDENTIALS, "utf8")) : {};
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const findings = [];

// look takes a page that is open, as it is, at three widths.
async function look(page, name, scheme) {
	for (const width of [360, 768, 1440]) {
		await page.setViewportSize({ width, height: 900 });
		const say = (what) => findings.push(`${name} ${scheme} at ${width}: ${what}`);
		for (const out of await wide(page)) say(`wider than the window: ${out}`);
		for (const src of await missing(page)) say(`no picture ${src}`);
		const { violations, passes } = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), rules);
		if (passes.length < 10) say(`only ${passes.length} rules of axe-core had something to look at`);
		for (const v of violations) say(`${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(", ")}`);
		await page.screenshot({ path: path.join(into, `${name}-${scheme}-${width}.png`), fullPage: true });
	}
}

async function signIn(page, at, person) {
	await page.goto(at);
	await page.getByLabel("E-mail", { exact: true }).fill(person.email);
	await page.getByLabel("Password", { exact: true }).fill(person.password);
	await page.locator("main").getByRole("button", { name: "Sign in" }).click();
	await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
}

async function walk(browser, scheme) {
	// The shop's policy forbids code from elsewhere; the rules of the audit are just that.
	const { context, page } = await open(browser, { colorScheme: scheme, reducedMotion: "reduce", bypassCSP: true });
	await context.addInitScript(axe);
	const visit = async (name, at) => {
		await page.goto(at);
		await look(page, name, scheme);
	};
	const { product, variant } = await shopping.anyInStock();
	await visit("home-asked", "/");
	await visit("product-asked", `/products/${product.handle}`);
	await shopping.decline(page);
	await visit("home", "/");
	await visit("privacy", "/privacy");
	await visit("collection", `/collections/${product.collections[0]}`);
	await visit("product", `/products/${product.handle}`);
	await visit("product-clip", "/products/aria-headphones-cream");
	await visit("product-sold-out", "/products/harbour-teapot-celadon");
	await visit("search", "/search?q=mug");
	await visit("search-nothing", "/search?q=zeppelin");
	await visit("not-found", "/products/no-such-thing");
	await visit("cart-empty", "/cart");
	await visit("sign-in", "/sign-in");
	await visit("register", "/register");
	await shopping.putOne(page, product, variant);
	await look(page, "cart", scheme);
	await shopping.toCheckout(page);
	await look(page, "checkout", scheme);
	await shopping.fillAddress(page);
	await shopping.payWith(page, "Test card that is declined");
	await shopping.place(page);
	await page.getByRole("alert").waitFor();
	await look(page, "checkout-declined", scheme);
	await shopping.payWith(page, "Test card that pays");
	await shopping.place(page);
	await shopping.paid(page);
	await look(page, "order", scheme);
	if (people.shopper) {
		await signIn(page, "/sign-in", people.shopper);
		await visit("account", "/account");
	}
	for (const [role, person] of [["merchandiser", people.merchandiser], ["operator", people.operator]]) {
		if (!person) continue;
		await context.clearCookies();
		await signIn(page, "/admin/sign-in", person);
		await visit(`desk-${role}`, "/admin/");
		if (role === "merchandiser") await visit("analytics", "/admin/analytics?compare=1");
	}
	await context.close();
}

const server = await launch();
process.env.BROWSER_WS = server.wsEndpoint();
try {
	await withBrowser(async (browser) => {
		for (const scheme of ["light", "dark"]) await walk(browser, scheme);
	});
} finally {
	await server.close();
}
for (const f of findings) console.log(f);
console.log(`${findings.length} findings; the pictures are in ${into}`);
process.exitCode = findings.length > 0 ? 1 : 0;
