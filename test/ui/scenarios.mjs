// The scenarios, each in a browser of its own. What one answers is checked further by the Go test.
import assert from "node:assert/strict";
import { catalogue, missing, open, shifted, telling, text, uncovered, until, wide } from "./browser.mjs";
import * as shopping from "./shopping.mjs";

// purchase is a whole purchase, with JavaScript by somebody who agrees to be remembered, and without it by
// somebody who is never asked.
async function purchase(browser, javaScriptEnabled) {
	const { context, page, faults } = await open(browser, { javaScriptEnabled });
	await page.goto("/");
	if (javaScriptEnabled) await shopping.agree(page);
	else assert.ok(await shopping.question(page).isHidden(), "without JavaScript there is no question");
	const { product, variant } = await shopping.findVariant(page);
	await shopping.choose(page, variant);
	if (javaScriptEnabled) {
		assert.equal(new URL(page.url()).searchParams.get("sku"), variant.sku, "the address names the chosen variant");
		assert.equal(await page.locator("[data-sku]").textContent(), variant.sku, "the details name the chosen variant");
	}
	const before = await shopping.stockOf(product.handle, variant.sku);
	await shopping.addToCart(page);

	const line = page.locator(`#line-${variant.sku}`);
	assert.match(await text(line), new RegExp(variant.title));
	await line.getByLabel(/^Quantity of/).fill("2");
	await line.getByRole("button", { name: /^Update/ }).click();
	await until("the cart to count two", async () => (await text(page.locator("[data-cart-count]"))).endsWith("2"));
	assert.equal(await line.getByLabel(/^Quantity of/).inputValue(), "2");

	await shopping.toCheckout(page);
	await shopping.fillAddress(page);
	await shopping.payWith(page, "Test card that pays");
	const promised = await shopping.total(page);
	await shopping.place(page);
	const number = await shopping.paid(page);
	assert.equal(await shopping.total(page), promised, "the order costs what the checkout said");
	assert.match(await text(page.locator(".bought")), new RegExp(variant.title));
	assert.equal(await shopping.stockOf(product.handle, variant.sku), before - 2, "what was bought is out of stock");

	const visit = javaScriptEnabled ? await page.evaluate(() => sessionStorage.getItem("visit")) : "";
	await page.goto("/cart");
	await page.getByRole("heading", { name: "Nothing in it yet" }).waitFor();
	assert.deepEqual(faults, []);
	await context.close();
	return { number, visit, product: product.handle };
}

// declined refuses a card, keeps what was typed, and takes another.
async function declined(browser) {
	const { page, refused } = await open(browser);
	refused.add("/checkout");
	const { product, variant } = await shopping.anyInStock();
	await shopping.putOne(page, product, variant);
	await shopping.toCheckout(page);
	await shopping.fillAddress(page);
	await page.getByText("Add a flat, floor").click();
	await page.getByLabel("Flat, floor, company").fill("Back house, 3rd floor");
	const delivery = page.getByRole("group", { name: "How it gets there" }).getByRole("radio").last();
	await delivery.check();
	const method = await delivery.inputValue();
	const country = await page.getByLabel("Country", { exact: true }).inputValue();
	await shopping.payWith(page, "Test card that is declined");
	await shopping.place(page);

	const alert = page.getByRole("alert");
	await alert.waitFor();
	assert.match(await text(alert), /payment was declined.*not been charged.*another card/i);
	assert.ok(await alert.evaluate((e) => e === document.activeElement), "the message has the focus");
	for (const [label, value] of Object.entries(shopping.address)) assert.equal(await page.getByLabel(label, { exact: true }).inputValue(), value);
	assert.equal(await page.getByLabel("Flat, floor, company").inputValue(), "Back house, 3rd floor");
	assert.equal(await page.getByLabel("Country", { exact: true }).inputValue(), country);
	assert.equal(await page.locator("[name=shipping_method]:checked").inputValue(), method);

	await shopping.payWith(page, "Test card that pays");
	await shopping.place(page);
	return { number: await shopping.paid(page) };
}

// mistaken sends an empty address: each field says what is wrong, and the summary leads to it.
async function mistaken(browser) {
	const { page, refused } = await open(browser);
	refused.add("/checkout");
	const { product, variant } = await shopping.anyInStock();
	await shopping.putOne(page, product, variant);
	await shopping.toCheckout(page);
	await page.getByLabel("E-mail", { exact: true }).fill("ada@example.org");
	await shopping.place(page);
	const alert = page.getByRole("alert");
	await alert.waitFor();
	await alert.getByRole("link").first().click();
	const field = page.locator(":focus");
	assert.equal(await field.getAttribute("aria-invalid"), "true");
	const said = await field.getAttribute("aria-describedby");
	assert.ok(said, "the field is described by its error");
	assert.ok((await text(page.locator(`#${said.split(" ").at(-1)}`))).length > 3);
	assert.equal(await page.getByLabel("E-mail", { exact: true }).inputValue(), "ada@example.org");
}

// elsewhere sends the order to another country than the page has priced: the new total is shown first,
// and it is the one that is paid.
async function elsewhere(browser) {
	const { page, refused } = await open(browser);
	refused.add("/checkout");
	const { product, variant } = await shopping.anyInStock();
	await shopping.putOne(page, product, variant);
	await shopping.toCheckout(page);
	const first = await shopping.total(page);
	await shopping.fillAddress(page);
	await page.getByLabel("Country", { exact: true }).selectOption({ label: "United States" });
	await shopping.place(page);
	await page.getByRole("alert").getByText("look at the new total").waitFor();
	const second = await shopping.total(page);
	assert.notEqual(second, first, "delivery to the other country costs something else");
	await shopping.place(page);
	const number = await shopping.paid(page);
	assert.equal(await shopping.total(page), second);
	return { number };
}

// soldOut tries to buy what is not there: by the button, by a form that someone changed, and where only
// one variant is gone.
async function soldOut(browser) {
	const all = await catalogue();
	const gone = all.find((p) => p.variants.every((v) => v.available === 0));
	const partly = all.find((p) => p.variants.some((v) => v.available === 0) && p.variants.some((v) => v.available > 0));
	assert.ok(gone && partly, "the catalogue has products that are sold out, wholly and partly");

	const { page, refused } = await open(browser);
	refused.add("/checkout");
	await page.goto(`/products/${gone.handle}`);
	assert.ok(await page.getByRole("button", { name: "Sold out" }).isDisabled());
	assert.equal(await page.getByRole("button", { name: "Add to cart" }).count(), 0);

	// Someone who sends the form all the same is told in the cart, and at the latest by the checkout.
	await page.locator(".buy-form").evaluate((form) => form.submit());
	await page.getByRole("alert").waitFor();
	assert.equal(await page.getByText("Added to your cart").count(), 0);
	await page.getByText("Sold out. Remove it to go on.").waitFor();
	await shopping.toCheckout(page);
	await shopping.fillAddress(page);
	await shopping.payWith(page, "Test card that pays");
	await shopping.place(page);
	await page.getByText("Sold out. Remove it to go on.").first().waitFor();
	assert.equal(new URL(page.url()).pathname, "/checkout");

	await page.goto(`/products/${partly.handle}`);
	const missingSKU = partly.variants.find((v) => v.available === 0).sku;
	assert.ok(await page.locator(`[name=sku] [value="${missingSKU}"], [name=sku][value="${missingSKU}"]`).isDisabled());
	assert.ok(await page.getByRole("button", { name: "Add to cart" }).isEnabled());
}

// pages looks at every kind of page at every width.
async function pages(browser) {
	const { page, faults, refused } = await open(browser);
	const found = [];
	const { product, variant } = await shopping.anyInStock();
	const room = product.collections[0];
	const visit = async (name, path, status = 200) => {
		if (status >= 400) refused.add(path);
		await page.setViewportSize({ width: 1440, height: 900 });
		const answer = await page.goto(path);
		assert.equal(answer.status(), status, path);
		for (const width of [1440, 768, 360, 320]) {
			await page.setViewportSize({ width, height: 900 });
			const out = await wide(page);
			if (out.length > 0) found.push(`${name} at ${width}: wider than the window: ${out.join(", ")}`);
			// Between these two other sizes of the pictures are chosen.
			if (width === 1440 || width === 360) found.push(...(await missing(page)).map((src) => `${name} at ${width}: no picture ${src}`));
		}
		await page.waitForLoadState("networkidle");
		found.push(...(await page.evaluate(() => window.violations)).map((v) => `${name}: content security policy: ${v}`));
		found.push(...faults.splice(0).map((f) => `${name}: ${f}`));
	};
	await visit("home", "/");
	await visit("collection", `/collections/${room}`);
	await visit("product", `/products/${product.handle}`);
	await visit("search", "/search?q=mug");
	await visit("search without result", "/search?q=zeppelin");
	await visit("privacy", "/privacy");
	await visit("empty cart", "/cart");
	await shopping.putOne(page, product, variant);
	await visit("cart", "/cart");
	await visit("checkout", "/checkout");
	await shopping.fillAddress(page);
	await shopping.place(page);
	await shopping.paid(page);
	await visit("order", new URL(page.url()).pathname);
	await visit("not found", "/products/no-such-thing", 404);
	await visit("sign in", "/sign-in");
	await visit("register", "/register");
	assert.deepEqual(found, []);
}

// kept is what the clickstream has put on the device.
async function kept(context, page) {
	const cookies = Object.fromEntries((await context.cookies()).map((c) => [c.name, c.value]));
	const storage = await page.evaluate(() => Object.keys(sessionStorage).concat(Object.keys(localStorage)));
	return { choice: cookies.consent, visitor: cookies.visitor, storage: storage.sort() };
}

const named = (e) => "session" in e || "visitor" in e;

// unfollowed visits as someone who asks every site not to follow them: there is no question, and what is counted is
// nobody's.
async function unfollowed(browser) {
	const { context, page } = await open(browser);
	await context.addInitScript(() => Object.defineProperty(navigator, "globalPrivacyControl", { value: true }));
	const told = await telling(context);
	const forms = [];
	page.on("request", (r) => {
		if (/visit=/.test(r.postData() ?? "")) forms.push(r.url());
	});
	const { product, variant } = await shopping.anyInStock();
	await page.goto(`/products/${product.handle}`);
	await until("an event", () => told.length > 0);
	await shopping.putOne(page, product, variant);
	assert.ok(await shopping.question(page).isHidden());
	assert.deepEqual(told.filter(named), []);
	assert.deepEqual(forms, []);
	assert.deepEqual(await kept(context, page), { choice: undefined, visitor: undefined, storage: [] });
}

// asked answers the question in every way, on a phone.
async function asked(browser) {
	const { context, page, faults } = await open(browser, { viewport: { width: 360, height: 740 } });
	const told = await telling(context);
	const { product } = await shopping.anyInStock();
	const look = async () => {
		told.length = 0;
		await page.goto(`/products/${product.handle}`);
		await until("an event of the page", () => told.some((e) => e.type === "view_item"));
		return told.find((e) => e.type === "view_item");
	};

	assert.ok(!named(await look()), "nobody is followed who was not asked");
	const question = shopping.question(page);
	await question.waitFor();
	assert.deepEqual(await kept(context, page), { choice: undefined, visitor: undefined, storage: [] });
	const [no, yes] = await question.getByRole("button").evaluateAll((all) => all.map((b) => [b.offsetWidth, b.offsetHeight, b.className].join()));
	assert.equal(no, yes, "both answers look alike");
	await until("the button that buys to be clear of the question", () => uncovered(page.getByRole("button", { name: "Add to cart" })));
	await until("the end of the page to be clear of it", () => uncovered(page.getByRole("contentinfo").getByRole("link", { name: "Privacy" })));
	assert.equal(await shifted(page), 0, "the question moves the page");

	// In a window too low for both, it stands at the end of the page.
	await page.setViewportSize({ width: 640, height: 320 });
	await page.reload();
	await question.waitFor();
	assert.ok((await question.boundingBox()).y > 320, "the question is in view");
	assert.equal(await shifted(page), 0, "the question moves the page");
	await page.setViewportSize({ width: 360, height: 740 });

	// By the keyboard: after the link to the content, the question comes first.
	await page.reload();
	await question.waitFor();
	for (const name of ["Skip to the content", "What that means", "No, thanks"]) {
		await page.keyboard.press("Tab");
		assert.equal(await text(page.locator(":focus")), name);
	}
	await page.keyboard.press("Enter");
	await question.waitFor({ state: "hidden" });
	assert.equal(await page.evaluate(() => document.activeElement.id), "main", "the focus is on the content");
	assert.ok(!named(await look()));
	assert.ok(await question.isHidden(), "who answered is not asked again");
	assert.deepEqual(await kept(context, page), { choice: "no", visitor: undefined, storage: [] });

	// In a tab of somebody who changes their mind.
	const other = await context.newPage();
	await other.goto("/");
	await other.getByRole("link", { name: "Privacy", exact: true }).click();
	await other.getByText("You said no.").waitFor();
	await other.getByRole("button", { name: "Yes, remember me" }).click();
	await other.getByText("You said yes.").waitFor();
	const visit = (await look()).session;
	const remembered = await kept(context, page);
	assert.match(visit, /^[0-9a-f-]{14}7/);
	assert.match(remembered.visitor, /^[0-9a-f-]{14}7/);
	assert.deepEqual([remembered.choice, remembered.storage], ["yes", ["seen", "visit"]]);
	assert.equal((await look()).session, visit, "a visit is one visit");

	await page.getByRole("link", { name: "Privacy", exact: true }).click();
	await page.getByRole("button", { name: "No, thanks" }).click();
	await page.getByText("You said no.").waitFor();
	assert.deepEqual(await kept(context, page), { choice: "no", visitor: undefined, storage: [] });
	assert.ok(!named(await look()));

	// What was recorded can be erased, which is a no as well.
	await page.getByRole("link", { name: "Privacy", exact: true }).click();
	await page.getByRole("button", { name: "Yes, remember me" }).click();
	await page.getByText("You said yes.").waitFor();
	assert.ok(named(await look()));
	await page.getByRole("link", { name: "Privacy", exact: true }).click();
	await page.getByRole("button", { name: "Erase what was recorded" }).click();
	await page.getByRole("status").getByText("will be gone within 24 hours").waitFor();
	assert.deepEqual(await kept(context, page), { choice: "no", visitor: undefined, storage: [] });
	assert.deepEqual(await page.evaluate(() => window.violations), []);
	assert.deepEqual(faults, []);
}

// visitEnding is the id of a visit that begins now, a UUID of version 7; its end decides what is recommended.
function visitEnding(tail) {
	const now = Date.now().toString(16).padStart(12, "0");
	const some = Math.floor(Math.random() * 0x10000).toString(16).padStart(4, "0");
	return `${now.slice(0, 8)}-${now.slice(8)}-7000-8000-${some}${tail}`;
}

// compared looks at two products as a visit in one arm: what is recommended is of that arm unless it is in view, and the second page
// ends with the first product.
async function compared(browser, arm, tail) {
	const visit = visitEnding(tail);
	const [one, two] = (await catalogue()).filter((p) => p.variants.some((v) => v.available > 3));
	const { context, page, faults } = await open(browser, { viewport: { width: 1280, height: 400 } });
	await shopping.agreed(context);
	await context.addInitScript((id) => sessionStorage.setItem("visit", id), visit);
	await page.goto(`/products/${one.handle}`);
	const list = page.locator("[data-recs=product]");
	await until("the list to be decided", () => list.evaluate((e) => Boolean(e.dataset.arm)));
	await page.waitForLoadState("networkidle");
	assert.equal(await list.getAttribute("data-arm"), arm);
	if (arm === "holdout") {
		assert.deepEqual([await list.getAttribute("data-algorithm"), await list.getAttribute("data-version")], ["trending", "holdout-1"]);
		for (const reason of await list.locator(".reason").allInnerTexts()) assert.equal(reason, "Popular this week");
	} else {
		assert.doesNotMatch(await list.getAttribute("data-version"), /^holdout/);
	}
	await list.scrollIntoViewIfNeeded();
	await list.getByRole("heading", { level: 2 }).hover();

	await page.goto(`/products/${two.handle}`);
	const before = page.locator("[data-recs=recent]");
	await before.waitFor({ state: "attached" });
	assert.deepEqual(await before.locator("[data-item]").evaluateAll((cards) => cards.map((c) => c.dataset.item)), [one.handle]);
	assert.equal(await before.evaluate((e) => e === document.querySelector("main").lastElementChild), true, "what was seen stands below all else");

	// What is in view when the page comes is never moved, and in no arm.
	await page.setViewportSize({ width: 1280, height: 6000 });
	const asked = [];
	page.on("request", (r) => asked.push(r.url()));
	await page.goto(`/products/${one.handle}`);
	await page.waitForLoadState("networkidle");
	assert.equal(await list.getAttribute("data-arm"), null);
	assert.equal(await before.count(), 0, "nothing is pushed down that is in view");
	assert.ok(!asked.some((u) => /slot=product/.test(u)), "nothing is fetched for it");
	assert.deepEqual(faults, []);
	await context.close();
	return { visit };
}

// The ends are the last that is held out of 5 % and the first that is not, as in the edge's own test.
export const scenarios = {
	"held-out": (browser) => compared(browser, "holdout", "0ccccccc"),
	"with-the-table": (browser) => compared(browser, "table", "0ccccccd"),
	purchase: (browser) => purchase(browser, true),
	"purchase-without-javascript": (browser) => purchase(browser, false),
	declined,
	mistaken,
	elsewhere,
	"sold-out": soldOut,
	pages,
	unfollowed,
	asked,
};
