/** Ends in the midst of native calls, one of three ways. Arguments: how, milliseconds until then, library. */
import { SYMBOLS } from "../../../lib/ffi/generated/symbols.ts";

const [how = "", wait = "0", library = ""] = Deno.args;

/** After what could crash has had its time. */
const AFTER = 400;

const exit = (): void => Deno.exit(7);

/** The library itself, closed while a call waits for products that take a while. */
function closeLibrary(): void {
  const opened = Deno.dlopen(library, SYMBOLS);
  const { symbols } = opened;
  const out = new Uint32Array(1024);
  symbols.lt_queue_create(0, 1, 0, out, out.byteLength);
  const [slot, generation] = [out[0]!, out[1]!];
  const [shape, data] = [Uint32Array.of(768, 768), new Uint8Array(4 * 768 * 768)];
  symbols.lt_tensor_create(slot, generation, 0, shape, 8, data, data.byteLength, out, out.byteLength);
  const x = Uint32Array.of(out[0]!, out[1]!, out[0]!, out[1]!);
  const params = new Float64Array(2);
  for (let at = 0; at < 20; at++) {
    symbols.lt_matmul(slot, generation, x, x.byteLength, params, params.byteLength, out, out.byteLength);
  }
  const [low, high] = [out[0]!, out[1]!];
  symbols.lt_queue_wait(slot, generation, low, high, new Uint32Array(1024), 4096).catch(() => {});
  setTimeout(() => opened.close(), Number(wait));
  setTimeout(exit, Number(wait) + AFTER);
}

/** A library of C that sleeps: the planted bug, as it is unmapped when it is closed. */
function closeOther(): void {
  const opened = Deno.dlopen(library, { nap: { parameters: ["u32"], result: "i32", nonblocking: true } });
  opened.symbols.nap(AFTER / 2).catch(() => {});
  setTimeout(() => opened.close(), Number(wait));
  setTimeout(exit, Number(wait) + AFTER);
}

/** A Worker that alone has the library open, ended while it waits. */
function terminate(): void {
  const worker = new Worker(new URL("endings_worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = (): void => {
    setTimeout(() => worker.terminate(), Number(wait));
    setTimeout(exit, Number(wait) + AFTER);
  };
}

/** The process, ended while it waits. */
async function leave(): Promise<void> {
  const { toil } = await import("./endings_worker.ts");
  toil();
  setTimeout(exit, Number(wait));
}

switch (how) {
  case "close":
    closeLibrary();
    break;
  case "other":
    closeOther();
    break;
  case "terminate":
    terminate();
    break;
  default:
    await leave();
}
