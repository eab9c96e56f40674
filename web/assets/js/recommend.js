import { allowed } from "./events.js";

// Replaces the recommendations that everyone gets by this visitor's own, as long as they are not in
// view yet: what one looks at never moves. Carts and orders have their own already.
export async function personalise() {
	const product = document.querySelector("[data-product]")?.dataset.product;
	const before = seen(product);
	if (before.length === 0) return;
	await Promise.allSettled([...document.querySelectorAll("[data-recs=home], [data-recs=product]")].map((s) => fill(s, product, before)));
}

// seen is what this visitor looked at before in this tab, the last one last; product is looked at now.
function seen(product) {
	if (!allowed()) return [];
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
	const query = new URLSearchParams({ slot: section.dataset.recs, limit: String(Math.min(list.children.length, 12)), seen: before.join(",") });
	if (product) query.set("product", product);
	const answer = await fetch("/api/v1/recommendations?" + query, { priority: "low" });
	if (!answer.ok) return;
	const { algorithm, version, items } = await answer.json();
	if (!items || items.length < list.children.length) return;
	if (section.getBoundingClientRect().top < innerHeight) return;
	list.replaceChildren(...items.slice(0, list.children.length).map(entry));
	Object.assign(section.dataset, { algorithm, version });
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
