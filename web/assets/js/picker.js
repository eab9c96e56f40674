// Shows price, stock and article number of the chosen variant.
export function picker() {
	const form = document.querySelector(".buy-form");
	if (!form) return;
	form.addEventListener("change", (e) => {
		const field = e.target;
		if (field.name !== "sku") return;
		const variant = field.tagName === "SELECT" ? field.selectedOptions[0] : field;
		if (variant) show(variant);
	});
}

function show(variant) {
	const { price, was, words, tone } = variant.dataset;
	const box = document.querySelector(".offer .price");
	box.querySelector(".now").textContent = price;
	box.querySelector("s")?.remove();
	box.classList.toggle("cut", Boolean(was));
	if (was) {
		const label = document.createElement("span");
		label.className = "vh";
		label.textContent = "was ";
		const old = document.createElement("s");
		old.append(label, was);
		box.append(old);
	}
	const stock = document.querySelector("[data-stock]");
	stock.className = tone;
	stock.textContent = words;
	const sku = document.querySelector("[data-sku]");
	if (sku) sku.textContent = variant.value;
	history.replaceState(history.state, "", "?sku=" + encodeURIComponent(variant.value));
}
