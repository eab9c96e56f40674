import { allowed } from "./consent.js";
import { flush, record, session } from "./events.js";

// Tells the clickstream what was seen and chosen.
export function watch() {
	const product = document.querySelector("[data-product]");
	if (product) record("view_item", { items: [{ item_id: product.dataset.product }] });

	watchLists("[data-list]");

	addEventListener("click", (e) => {
		const card = e.target.closest?.("a") && e.target.closest("[data-item]");
		const list = card?.closest("[data-list], [data-recs]");
		if (!list) return;
		record(list.dataset.recs ? "rec_click" : "select_item", { ...about(list), items: [{ item_id: card.dataset.item }] });
		flush();
	});
}

// A list counts as seen when a part of it is in view.
export function watchLists(selector) {
	const seen = new IntersectionObserver(
		(entries) => {
			for (const e of entries) {
				if (!e.isIntersecting) continue;
				seen.unobserve(e.target);
				report(e.target);
			}
		},
		{ rootMargin: "0px 0px -15% 0px" },
	);
	for (const list of document.querySelectorAll(selector)) seen.observe(list);
}

function report(list) {
	const items = [...list.querySelectorAll("[data-item]")].slice(0, 100).map((c) => ({ item_id: c.dataset.item }));
	const { recs, search, results, arm, visit } = list.dataset;
	if (search) record("view_search_results", { query: search.slice(0, 100), results: Number(results), items });
	else if (items.length > 0) record(recs ? "rec_impression" : "view_item_list", { ...about(list), items });
	// Of a visit that ended since, or is another one than the edge knows, the arm is not this one's.
	if (arm && allowed() && session().endsWith(visit)) record("rec_exposure", { slot: recs, algorithm: arm, version: "1" });
}

function about({ dataset }) {
	const { recs, list, algorithm, version } = dataset;
	const out = { slot: recs ?? list };
	if (algorithm) out.algorithm = algorithm;
	if (version) out.version = version;
	return out;
}
