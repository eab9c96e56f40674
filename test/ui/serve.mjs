// node serve.mjs keeps one browser for all scenarios: it prints the address to connect to, and closes
// the browser when its standard input ends.
import { launch } from "./browser.mjs";

const server = await launch();
console.log(server.wsEndpoint());
process.stdin.resume().on("end", async () => {
	await server.close();
	process.exit(0);
});
