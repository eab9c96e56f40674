import { allowed } from "./consent.js";

// Events wait here until the page has a quiet second or goes away, and leave as one beacon.
const queue = [];
const batchMax = 50;
let timer;

// Without a yes an event names no session: the shop counts it for a day and knows nobody by it.
export function record(type, fields) {
	queue.push({ id: uuid(), type, at: new Date().toISOString(), ...(allowed() && { session: session() }), ...fields });
	if (queue.length >= batchMax) flush();
	clearTimeout(timer);
	timer = setTimeout(flush, 1000);
}

addEventListener("pagehide", flush);
document.addEventListener("visibilitychange", () => {
	if (document.visibilityState === "hidden") flush();
});

// flush sends what waits, now.
export function flush() {
	while (queue.length > 0) {
		const body = JSON.stringify({ events: queue.splice(0, batchMax) });
		if (!navigator.sendBeacon("/api/v1/events", new Blob([body], { type: "application/json" }))) {
			fetch("/api/v1/events", { method: "POST", body, keepalive: true, headers: { "Content-Type": "application/json" } }).catch(() => {});
		}
	}
}

// What a form does is part of the same visit: the shop finds its name in the field visit. Addresses
// never carry it.
export function nameVisits() {
	addEventListener("formdata", (e) => {
		if (e.target.method === "post" && allowed()) e.formData.set("visit", session());
	});
}

// A visit ends with its tab, or here, as the shop does it.
const visitMaxHours = 4;
let visit;

// session names this visit. Ask allowed before.
export function session() {
	try {
		visit = sessionStorage.getItem("visit");
		if (!visit || Date.now() - began(visit) > visitMaxHours * 3_600_000) sessionStorage.setItem("visit", (visit = uuid()));
	} catch {
		visit ??= uuid();
	}
	return visit;
}

// A UUIDv7 knows when it was made.
function began(id) {
	return parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

// A UUIDv7: 48 bits of time in milliseconds, then randomness.
function uuid() {
	const b = crypto.getRandomValues(new Uint8Array(16));
	for (let i = 5, t = Date.now(); i >= 0; i--, t = Math.floor(t / 256)) b[i] = t % 256;
	b[6] = (b[6] & 0x0f) | 0x70;
	b[8] = (b[8] & 0x3f) | 0x80;
	const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
	return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
