/** The net under tensors that were never disposed: V8 cannot see native memory, so this is no plan. */
import type { Handle } from "../ffi/call.ts";
import { DTYPE_BYTES, type DtypeName } from "../ffi/codes.ts";
import { sizeText } from "../ffi/memory.ts";
import { releaseTensor } from "../ffi/native.ts";
import type { Device } from "./device.ts";

/** What is left of something that was collected. */
export interface Remains {
  device: Device;
  handle: Handle;
  gradient: Handle | null;
  /** The op that made it, which must not lead back to it. */
  node: { release(): void } | null;
  /** What it was, for the warning. */
  kind: string;
  dtype: DtypeName;
  shape: readonly number[];
  /** The number of the buffer that it lies in. */
  readonly storage: number;
  /** Whether it counts as a user of that buffer. */
  uses: boolean;
}

/** A buffer, which counts once however many views of it there are. */
interface Shared {
  /** Tensors outside of scopes that lie in it. */
  users: number;
  readonly bytes: number;
  /** The results that it counts among; null where it is somebody's state, or the library's own. */
  among: Results | null;
}

/** Results of an op outside of every scope that nobody has disposed of. */
interface Results {
  readonly device: Device;
  readonly op: string;
  count: number;
  bytes: number;
}

/** What a device has of them. */
interface Counted {
  readonly byOp: Map<string, Results>;
  bytes: number;
  /** Bytes at which it is asked again how much that is of the budget. */
  next: number;
}

let warned = false;
/** Whether it was told that results pile up. */
let told = false;

/** Buffers of tensors outside of scopes, by their numbers. */
const buffers = new Map<number, Shared>();

const counted = new WeakMap<Device, Counted>();
/** The device that was counted last, which is the next one's nearly always. */
let recent: { readonly device: Device; readonly all: Counted } | undefined;

/** Bytes from which on results are worth a look at the budget. */
const FIRST_LOOK = 4 << 20;

/** Results of an op that are as good as forgotten: as many from a quarter of the budget on, as few from a half on. */
const MANY = 8, FEW = 3;

/** Who made the tensors that come next, for the warning. */
let maker = "tensor";

/** Names what makes the next tensors: an op, or another call. */
export function madeBy(name: string): void {
  maker = name;
}

const registry = new FinalizationRegistry<Remains>((remains) => {
  const { device, handle, gradient, node, kind, dtype, shape } = remains;
  settle(remains);
  if (!device.queue.alive) return;
  releaseTensor(device.handle, handle);
  if (gradient !== null) releaseTensor(device.handle, gradient);
  node?.release();
  if (warned) return;
  warned = true;
  console.warn(
    `A ${kind} (${dtype} [${
      shape.join(", ")
    }]) was never disposed, its memory was found by chance: use \`using\`, dispose() or scope()`,
  );
});

/** Frees what holds native memory once it is collected, with a warning at the first. */
export function watch(holder: object, remains: Remains): void {
  use(remains);
  registry.register(holder, remains, holder);
}

/** Ends {@linkcode watch}. */
export function unwatch(holder: object, remains: Remains): void {
  registry.unregister(holder);
  settle(remains);
}

/** Has a buffer counted as a result no more: it is somebody's state, or its holder is sure to dispose of it. */
export function claim({ storage }: Remains): void {
  const shared = buffers.get(storage);
  if (shared === undefined) return;
  discount(shared);
  shared.among = null;
}

function use(remains: Remains): void {
  remains.uses = true;
  const shared = buffers.get(remains.storage);
  if (shared !== undefined) {
    shared.users++;
    return;
  }
  const bytes = bytesOf(remains);
  // First, so that it is there whatever the count tells.
  const made: Shared = { users: 1, bytes, among: null };
  buffers.set(remains.storage, made);
  if (remains.kind === "Tensor") made.among = count(remains.device, bytes);
}

function settle(remains: Remains): void {
  if (!remains.uses) return;
  remains.uses = false;
  const shared = buffers.get(remains.storage)!;
  if (--shared.users > 0) return;
  buffers.delete(remains.storage);
  discount(shared);
}

function discount({ among, bytes }: Shared): void {
  if (among === null) return;
  among.count--;
  among.bytes -= bytes;
  allOf(among.device).bytes -= bytes;
}

function bytesOf({ dtype, shape }: Pick<Remains, "dtype" | "shape">): number {
  let bytes = DTYPE_BYTES[dtype];
  for (const size of shape) bytes *= size;
  return bytes;
}

function allOf(device: Device): Counted {
  if (recent?.device === device) return recent.all;
  let all = counted.get(device);
  if (all === undefined) counted.set(device, all = { byOp: new Map(), bytes: 0, next: FIRST_LOOK });
  recent = { device, all };
  return all;
}

/** Counts a result that no scope owns. */
function count(device: Device, bytes: number): Results {
  const all = allOf(device);
  let results = all.byOp.get(maker);
  if (results === undefined) all.byOp.set(maker, results = { device, op: maker, count: 0, bytes: 0 });
  results.count++;
  results.bytes += bytes;
  all.bytes += bytes;
  if (all.bytes >= all.next && !told) look(all, device);
  return results;
}

/** Tells, once, that results outside of scopes take more of the budget than they should. */
function look(all: Counted, device: Device): void {
  const { budget, limit } = device.queue.memory();
  const most = Math.min(limit ?? budget, device.kind === "cpu" ? budget : limit ?? Infinity);
  const [worst] = [...all.byOp.values()].sort((a, b) => b.bytes - a.bytes);
  const share = all.bytes / most;
  if (share >= 0.25 && worst!.count >= (share >= 0.5 ? FEW : MANY)) {
    told = true;
    console.warn(
      `${worst!.count} results of ${worst!.op}() are alive outside of any scope${callerLine()}: they take ` +
        `${sizeText(worst!.bytes)} of the ${
          sizeText(most)
        } that may be held, and memory runs out if that goes on. Declare ` +
        "results with `using`, make them inside scope(), or call dispose()",
    );
    return;
  }
  // Again a little later, and soon enough for the next bound.
  all.next = Math.max(
    all.bytes + FIRST_LOOK / 4,
    all.bytes + Math.min(all.bytes, most / 4 - all.bytes) / 2,
    all.bytes * 1.1,
  );
}

/** The script's line that is running, ", the latest made at …"; empty where the library runs by itself. */
function callerLine(): string {
  const own = new URL("../", import.meta.url).href;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 50;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  // Those of V8's own functions have no place.
  const lines = stack.split("\n").map((line) => line.trim()).filter((line) => /:\d+:\d+/.test(line));
  const line = lines.find((line) => !line.includes(own));
  return line === undefined ? "" : `, the latest made ${line}`;
}
