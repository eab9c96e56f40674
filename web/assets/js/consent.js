// What this browser said about being remembered. Nothing of the clickstream is kept in it without a yes.
const choice = () => /(?:^|; )consent=(yes|no)(?:;|$)/.exec(document.cookie)?.[1];
const unfollowed = navigator.doNotTrack === "1" || navigator.globalPrivacyControl;

// Without a choice, what the browser asks of every site counts, and then the shop's rule.
export function allowed() {
	const said = choice();
	return said ? said === "yes" : !unfollowed && document.documentElement.dataset.consent === "assumed";
}

// A choice that was made in another tab counts here, too.
const settle = () => {
	if (form) form.hidden = Boolean(choice() || unfollowed);
	if (allowed()) return;
	try {
		for (const kept of ["visit", "seen"]) sessionStorage.removeItem(kept);
	} catch {
		// Where nothing can be kept, nothing is.
	}
};
let form;

// ask shows the question to whom it was not put yet. The answer is kept by the shop, since browsers soon
// throw away what scripts keep.
export function ask() {
	form = document.querySelector("[data-ask]");
	settle();
	document.addEventListener("visibilitychange", settle);
	addEventListener("pageshow", settle);
	form?.addEventListener("submit", async (e) => {
		e.preventDefault();
		const body = new URLSearchParams({ choice: e.submitter.value });
		await fetch("/privacy", { method: "POST", body, redirect: "manual" }).catch(() => {});
		settle();
		if (form.hidden) document.getElementById("main").focus({ preventScroll: true });
	});
}
