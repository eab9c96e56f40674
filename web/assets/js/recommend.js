import { allowed } from "./consent.js";
import { session } from "./events.js";

// Replaces the recommendations that everyone gets by this visitor's own, as long as they are not in
// view yet: what one looks at never moves. Carts and orders have their own already.
export async function personalise() {
	if (!allowed()) return;
	const product = document.querySelector("[data-product]")?.dataset.product;
	const before = seen(product);
	const lists = document.querySelectorAll("[data-recs=home], [data-recs=product], [data-recs=search]");
	await Promise.allSettled([remind(before), ...[...lists].map((s) => fill(s, product, before))]);
}

// seen is what this visitor looked at before in this tab, the last one last; product is looked at now.
function seen(product) {
	try {
		const before = JSON.parse(sessionStorage.getItem("seen") ?? "[]").filter((h) => h !== product);
		if (product) sessionStorage.setItem("seen", JSON.stringify([...before, product].slice(-10)));
		return before;
	} catch {
		return [];
	}
}

async function fill(section, product, before) {
	const list = section.querySelector("ul");
	const { recs, algorithm, holdout } = section.dataset;
	// Whatever the arm, what can be replaced is decided here, before an answer can be fast or slow: so both are compared alike.
	if (inView(section) || (before.length === 0 && algorithm === "trending")) return;
	const query = new URLSearchParams({ slot: recs, limit: String(Math.min(list.children.length, 12)) });
	const arm = holdout && heldOut(holdout) ? "holdout" : "table";
	if (holdout) Object.assign(section.dataset, { arm, visit: session() });
	if (arm === "holdout") query.set("arm", arm);
	else if (before.length > 0) query.set("seen", before.join(","));
	else return;
	if (product) query.set("product", product);
	const { items, ...how } = await ask(query);
	if (!items || items.length < list.children.length || inView(section)) return;
	list.replaceChildren(...items.slice(0, list.children.length).map(entry));
	Object.assign(section.dataset, how);
}

// What was looked at before stands below all else, where it moves nothing that is in view.
async function remind(before) {
	const { page } = document.body.dataset;
	if (before.length === 0 || (page !== "home" && page !== "product")) return;
	const { items, ...how } = await ask(new URLSearchParams({ slot: "recent", seen: before.join(",") }));
	const main = document.querySelector("main");
	if (!items?.length || main.getBoundingClientRect().bottom < innerHeight) return;
	const heading = make("h2", "", "You looked at these");
	heading.id = "recent-h";
	const list = make("ul");
	list.append(...items.map(entry));
	const section = make("section", "rail wrap");
	section.setAttribute("aria-labelledby", heading.id);
	Object.assign(section.dataset, { recs: "recent", ...how });
	section.append(heading, list);
	main.append(section);
}

// ask answers a list of recommendations and how it was chosen; nothing of it where there is none.
async function ask(query) {
	const answer = await fetch("/api/v1/recommendations?" + query, { priority: "low" });
	const { items, algorithm, version } = answer.ok ? await answer.json() : {};
	return { items, algorithm, version };
}

function inView(section) {
	return section.getBoundingClientRect().top < innerHeight;
}

// Held out is whose id ends below the share; the edge does the same in heldOut.
function heldOut(percent) {
	return parseInt(session().slice(-8), 16) * 100 < percent * 2 ** 32;
}

function entry(item) {
	const link = make("a", "", item.title);
	link.href = "/products/" + encodeURIComponent(item.handle);
	const heading = make("h3");
	heading.append(link);
	const price = make("p", "price");
	price.append(make("span", "now", money(item.price)));
	const label = make("div", "label");
	label.append(heading, price);
	if (item.reason) label.append(make("p", "reason", item.reason));
	const card = make("article", "card");
	card.dataset.item = item.handle;
	card.append(shot(item), label);
	const li = make("li");
	li.append(card);
	return li;
}

function shot({ image, title }) {
	const box = make("div", "shot");
	if (!image) {
		const letter = make("span", "blank", [...title][0]);
		letter.ariaHidden = "true";
		box.append(letter);
		return box;
	}
	const img = make("img");
	Object.assign(img, { loading: "lazy", decoding: "async", width: image.width, height: image.height, alt: image.alt || "" });
	const picture = make("picture");
	if (image.srcset) {
		const source = make("source");
		Object.assign(source, { type: "image/avif", sizes: "(min-width: 60rem) 17rem, 44vw", srcset: image.srcset });
		picture.append(source);
	}
	picture.append(img);
	img.src = image.url;
	box.append(picture);
	return box;
}

function make(tag, className = "", text = "") {
	const e = document.createElement(tag);
	if (className) e.className = className;
	if (text) e.textContent = text;
	return e;
}

function money({ amount, currency }) {
	const format = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency });
	return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}
