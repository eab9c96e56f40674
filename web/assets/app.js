// The page works without this. It paints the cart's count, makes the gallery, the picker and the
// filters quicker to use, asks whether it may remember, personalises recommendations if it may, and tells
// the clickstream what was seen.
import { ask } from "./js/consent.js";
import { paintCount } from "./js/count.js";
import { nameVisits } from "./js/events.js";
import { gallery } from "./js/gallery.js";
import { picker } from "./js/picker.js";
import { forms } from "./js/forms.js";
import { suggest } from "./js/suggest.js";
import { personalise } from "./js/recommend.js";
import { watch, watchLists } from "./js/watch.js";

ask();
paintCount();
gallery();
picker();
forms();
suggest();
watch();
nameVisits();
personalise().finally(() => watchLists("[data-recs]"));

addEventListener("pageshow", (e) => {
	if (e.persisted) paintCount();
});
