// The steps of a purchase as a person takes them: by links, labels and buttons.
import assert from "node:assert/strict";
import { catalogue, shop, text, until } from "./browser.mjs";

export const address = {
	"E-mail": "ada@example.org",
	"Full name": "Ada Ångström",
	"Street and number": "Kanalstraße 7",
	"Postal code": "10997",
	"Town or city": "Berlin",
};

// agree says yes to the question at the foot of the page, decline says no.
export const agree = (page) => answer(page, "Yes, remember me");
export const decline = (page) => answer(page, "No, thanks");

// agreed is for visits that begin with a browser that has said yes.
export const agreed = (context) => context.addCookies([{ name: "consent", value: "yes", url: shop }]);

export const question = (page) => page.getByRole("complementary", { name: "May we remember you?" }).locator("form");

async function answer(page, words) {
	await question(page).getByRole("button", { name: words, exact: true }).click();
	await question(page).waitFor({ state: "hidden" });
}

const sellable = (v) => v.available > 3;

// findVariant walks from the front page over a collection to a product with a choice, and answers the
// product and the variant to choose: one that is not chosen already.
export async function findVariant(page) {
	await page.goto("/");
	const room = page.getByRole("navigation", { name: "Collections" }).getByRole("link").first();
	const name = await text(room);
	await room.click();
	await page.getByRole("heading", { level: 1, name }).waitFor();
	const shown = await page.locator("[data-list] [data-item]").evaluateAll((cards) => cards.map((c) => c.dataset.item));
	const product = (await catalogue()).find((p) => shown.includes(p.handle) && p.variants.filter(sellable).length > 1);
	assert.ok(product, `${name} shows no product with two variants in stock`);
	await page.locator(`[data-item="${product.handle}"]`).getByRole("link", { name: product.title, exact: true }).click();
	await page.getByRole("heading", { level: 1, name: product.title }).waitFor();
	const chosen = await page.locator("[name=sku]:checked").inputValue();
	return { product, variant: product.variants.find((v) => sellable(v) && v.sku !== chosen) };
}

// choose picks the variant by what is written on it and puts it into the cart.
export async function choose(page, variant) {
	await page.locator(".choice", { has: page.locator(`[value="${variant.sku}"]`) }).click();
	assert.equal(await page.locator("[name=sku]:checked").inputValue(), variant.sku);
}

export async function addToCart(page) {
	await page.getByRole("button", { name: "Add to cart" }).click();
	await page.getByRole("heading", { level: 1, name: "Your cart" }).waitFor();
}

// putOne puts one of a variant into the cart without looking at anything else.
export async function putOne(page, product, variant) {
	await page.goto(`/products/${product.handle}?sku=${encodeURIComponent(variant.sku)}`);
	await addToCart(page);
}

export async function anyInStock() {
	const product = (await catalogue()).find((p) => p.variants.some(sellable));
	return { product, variant: product.variants.find(sellable) };
}

export async function toCheckout(page) {
	await page.getByRole("link", { name: "Go to checkout" }).click();
	await page.getByRole("heading", { level: 1, name: "Checkout" }).waitFor();
}

export async function fillAddress(page) {
	for (const [label, value] of Object.entries(address)) await page.getByLabel(label, { exact: true }).fill(value);
}

export const payWith = (page, card) => page.getByLabel(card, { exact: true }).check();
export const place = (page) => page.getByRole("button", { name: "Place the order" }).click();

// total is the last sum of a page, as it is written there.
export const total = (page) => text(page.locator(".totals .sum dd"));

// paid waits for the order's page to say that it is paid, and answers the order's number.
export async function paid(page) {
	const heading = page.getByRole("heading", { level: 1, name: /^Order .+ is in$/ });
	await heading.waitFor();
	assert.match(new URL(page.url()).pathname, /^\/orders\//);
	const number = /^Order (.+) is in$/.exec(await text(heading))[1];
	await until("the order to be paid", async () => {
		if ((await text(page.locator(".status-row span").first())) === "Paid") return true;
		await page.reload();
		return false;
	});
	return number;
}

// stockOf is what the shop itself says is left.
export async function stockOf(handle, sku) {
	const answer = await fetch(`${shop}/api/v1/products/${handle}`);
	return (await answer.json()).variants.find((v) => v.sku === sku).available;
}
