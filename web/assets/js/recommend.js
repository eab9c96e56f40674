import { allowed, session } from "./events.js";

// Replaces the recommendations that everyone gets by this visitor's own, as long as they are not in
// view yet: what one looks at never moves. Carts and orders have their own already.
export async function personalise() {
	if (!allowed()) return;
	const product = document.querySelector("[data-product]")?.dataset.product;
	const before = seen(product);
	await Promise.allSettled([...document.querySelectorAll("[data-recs=home], [data-recs=product]")].map((s) => fill(s, product, before)));
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
	const answer = await fetch("/api/v1/recommendations?" + query, { priority: "low" });
	if (!answer.ok) return;
	const got = await answer.json();
	if (!got.items || got.items.length < list.children.length || inView(section)) return;
	list.replaceChildren(...got.items.slice(0, list.children.length).map(entry));
	Object.assign(section.dataset, { algorithm: got.algorithm, version: got.version });
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
