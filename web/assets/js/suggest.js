// Suggestions for the search field, in the browser's own list.
export function suggest() {
	const field = document.getElementById("q");
	if (!field) return;
	const list = document.createElement("datalist");
	list.id = "q-list";
	field.after(list);
	field.setAttribute("list", list.id);
	let timer, running;
	field.addEventListener("input", () => {
		clearTimeout(timer);
		timer = setTimeout(async () => {
			running?.abort();
			const words = field.value.trim();
			if (words.length < 2) return list.replaceChildren();
			running = new AbortController();
			try {
				const answer = await fetch("/api/v1/search/suggest?q=" + encodeURIComponent(words), { signal: running.signal });
				if (answer.ok) list.replaceChildren(...options(await answer.json()));
			} catch {
				// A search without suggestions is still a search.
			}
		}, 150);
	});
}

function options({ queries, products }) {
	const words = new Set([...(queries ?? []), ...(products ?? []).map((p) => p.title)]);
	return [...words].slice(0, 8).map((w) => {
		const o = document.createElement("option");
		o.value = w;
		return o;
	});
}
