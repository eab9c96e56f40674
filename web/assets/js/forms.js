export function forms() {
	document.querySelector("[data-mistakes]")?.focus();

	// One press is enough; coming back to the page arms the form again.
	const sent = new Set();
	addEventListener("submit", (e) => {
		if (e.defaultPrevented || e.target.method !== "post") return;
		if (sent.has(e.target)) e.preventDefault();
		sent.add(e.target);
		setTimeout(() => sent.delete(e.target), 5000);
	});
	addEventListener("pageshow", () => sent.clear());

	// Filters close when one turns away from them.
	const filters = document.querySelector(".filters");
	if (!filters) return;
	const close = () => {
		for (const d of filters.querySelectorAll("details[open]")) d.open = false;
	};
	addEventListener("click", (e) => {
		if (!filters.contains(e.target)) close();
	});
	filters.addEventListener("keydown", (e) => {
		if (e.key !== "Escape") return;
		e.target.closest("details")?.querySelector("summary").focus();
		close();
	});
}
