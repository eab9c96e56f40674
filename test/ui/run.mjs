// node run.mjs SCENARIO runs one scenario against SHOP_URL in the browser of serve.mjs, BROWSER_WS. What
// it found out is one line of JSON; a failure is the exit code.
import { withBrowser } from "./browser.mjs";
import { scenarios } from "./scenarios.mjs";

const scenario = scenarios[process.argv[2]];
if (!scenario || !process.env.SHOP_URL || !process.env.BROWSER_WS) {
	console.error(`give SHOP_URL, BROWSER_WS and one of ${Object.keys(scenarios).join(", ")}`);
	process.exit(2);
}
try {
	console.log(JSON.stringify((await withBrowser(scenario)) ?? {}));
} catch (err) {
	console.error(err);
	process.exitCode = 1;
}
