// Without this the thumbnails are links to the large pictures; with it the strip scrolls in place.
export function gallery() {
	const strip = document.querySelector("[data-strip]");
	const thumbs = [...document.querySelectorAll("[data-thumb]")];
	if (!strip || thumbs.length === 0) return;
	const mark = (id) => {
		for (const t of thumbs) {
			if (t.hash === "#" + id) t.setAttribute("aria-current", "true");
			else t.removeAttribute("aria-current");
		}
	};
	for (const t of thumbs) {
		t.addEventListener("click", (e) => {
			const picture = document.getElementById(t.hash.slice(1));
			if (!picture) return;
			e.preventDefault();
			strip.scrollTo({ left: picture.offsetLeft - strip.offsetLeft });
			mark(picture.id);
		});
	}
	const seen = new IntersectionObserver(
		(entries) => {
			for (const e of entries) if (e.isIntersecting) mark(e.target.id);
		},
		{ root: strip, threshold: 0.6 },
	);
	for (const li of strip.children) seen.observe(li);
}
