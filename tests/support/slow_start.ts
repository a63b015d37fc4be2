/** A command that says when its signals are listened to, and begins only a moment later. */
import { Endings } from "../../lib/cli/endings.ts";

const [file = "", name = "", wait = "0", ...args] = Deno.args;
const endings = new Endings(args).watch();
console.error("ready");
await new Promise((resolve) => setTimeout(resolve, Number(wait)));
const { main } = await import("../../lib/cli/command.ts");
const commands = await import(`../../${file}`);
await main(commands[name], args, endings);
