/**
 * Calls every export with wild arguments, cold and hot. Arguments: wild calls of each, cheap ones before the hot half, seed,
 * part. Names each export on stderr before, so that whoever reads knows at which one a process died.
 */
import type { Handle } from "../../../lib/ffi/call.ts";
import { DisposedError } from "../../../lib/ffi/errors.ts";
import { symbols } from "../../../lib/ffi/library.ts";
import { injectPanic } from "../../../lib/ffi/native.ts";
import { Device, full, tensor } from "../../../mod.ts";
import { opRows } from "../../../tests/support/op_cases.ts";
import { functionArguments, functionRows, opArguments } from "../../../tests/support/raw_exports.ts";
import { Random } from "../random.ts";
import { type Caller, callerOf, type Live, type RawValue, wildFunctionArguments, wildOpArguments } from "../wild.ts";

/** What came of it. */
export interface WildAnswer {
  readonly exports: number;
  readonly tried: number;
  readonly lost: readonly string[];
}

const [wild = "10", heat = "0", seed = "0", part = "run"] = Deno.args;
const rng = new Random(Number(seed));

/** Statuses of the ABI; a caught panic, 8, is a bug. */
const STATUSES = 12, PANIC = 8;

/** What an export makes, by what lets go of it again. */
const MADE: Readonly<Record<string, { release: string; queue: boolean }>> = {
  queue_create: { release: "lt_queue_destroy", queue: false },
  image_job_start: { release: "lt_image_job_release", queue: false },
  image_decode_start: { release: "lt_image_decode_release", queue: false },
  read_begin: { release: "lt_read_release", queue: false },
  transfer_begin: { release: "lt_transfer_release", queue: false },
};

/** Faults on purpose are not what is looked for. */
const LEFT_OUT = /^inject_/;

interface Export {
  readonly name: string;
  readonly call: unknown;
  readonly caller: Caller;
  wild(live: Live): RawValue[];
  /** Arguments that are refused at once, to heat the call with. */
  cheap(): RawValue[];
}

const none: Handle = { slot: 0xffffffff, generation: 0xffffffff };
const table = symbols() as unknown as Record<string, unknown>;
const result = (): RawValue[] => [new Uint32Array(1024), 4096];

const exports: Export[] = [
  ...functionRows.filter(({ name }) => !LEFT_OUT.test(name)).map((row): Export => ({
    name: row.name,
    call: table[`lt_${row.name}`],
    caller: callerOf(`lt_${row.name}`),
    wild: (live) => wildFunctionArguments(rng, row, live),
    cheap: () => [...functionArguments(row, none, none) as RawValue[], ...result()],
  })),
  ...opRows.map(({ name }): Export => ({
    name,
    call: table[`lt_${name}`],
    caller: callerOf(`lt_${name}`),
    wild: (live) => wildOpArguments(rng, live),
    cheap: () => [...opArguments(none, [], []) as RawValue[], ...result()],
  })),
];

/** Ends a device; a wild call may have ended its queue before. */
function end(device: Device): void {
  try {
    device.dispose();
  } catch (error) {
    if (!(error instanceof DisposedError)) throw error;
  }
}

/** Devices and tensors to call with; made anew where a wild call has ended them. */
class Stage {
  device = new Device("cpu", { threads: 1 });
  other = new Device("cpu", { threads: 1 });
  live: Live = this.#make();

  #make(): Live {
    const { device } = this;
    const tensors = [
      tensor([1, 2, 3, 4], [2, 2], { device }),
      full([1, 4, 4, 2], 0.5, { device }),
      tensor([0, 1], undefined, { dtype: "i32", device }),
      tensor([1.5], undefined, { device }),
      tensor([1, 2], undefined, { dtype: "u8", device }),
      full([3], 1, { device, dtype: "f64" }),
      full([2, 2], 1, { device, dtype: "bf16" }),
    ];
    const foreign = tensor([1], undefined, { device: this.other });
    kept.push(...tensors, foreign);
    return {
      queue: device.handle,
      other: this.other.handle,
      tensors: [...tensors, foreign].map(({ handle }) => handle),
    };
  }

  /** Whether the live handles still stand for what they should; a call may have let go of them, rightly. */
  get stale(): boolean {
    try {
      return this.device.stats().handles < 7 || this.other.stats().handles < 1;
    } catch {
      return true;
    }
  }

  async renew(): Promise<void> {
    await this.device.recover().catch(() => {});
    if (!this.stale) return;
    for (const old of [this.device, this.other]) end(old);
    this.device = new Device("cpu", { threads: 1 });
    this.other = new Device("cpu", { threads: 1 });
    this.live = this.#make();
  }
}

/** Wrappers of handles that calls may have released behind their backs: never collected, so nobody is warned of them. */
const kept: unknown[] = [];
const stage = new Stage();
const lost: string[] = [];
let tried = 0;

async function letGo(name: string, given: readonly RawValue[]): Promise<void> {
  const out = given.at(-2) as Uint32Array<ArrayBuffer>;
  const call = table as Record<string, (...args: RawValue[]) => number | Promise<number>>;
  const made = MADE[name];
  if (made !== undefined) await call[made.release]!(out[0]!, out[1]!, ...result());
  else if (name === "capture_begin") await call["lt_capture_abort"]!(given[0]!, given[1]!, ...result());
  else {
    const single = SINGLE.has(name);
    for (let at = single ? 0 : 3, left = single ? 1 : out[2]!; left > 0 && left < 32; left--) {
      const rank = out[at + 3]!;
      await call["lt_tensor_release"]!(given[0]!, given[1]!, out[at]!, out[at + 1]!, ...result());
      at += 4 + rank;
    }
  }
}

/** Exports that make one tensor, which stands at the front of their results. */
const SINGLE = new Set(["tensor_create", "tensor_alias", "image_decode_take"]);

/** Exports that make tensors. */
const TENSORS = new Set([
  ...SINGLE,
  "transfer_end",
  ...opRows.map(({ name }) => name),
]);

/** Milliseconds after which a call that waits counts as one that never ends. */
const PATIENCE = 30_000;

/** The status of a call that waits; -1 where it does not end. */
async function ended(call: Promise<number>): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const timer = setTimeout(() => resolve(-1), PATIENCE);
  try {
    return await Promise.race([call, promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function meet(one: Export): Promise<void> {
  const given = one.wild(stage.live);
  tried++;
  const called = one.caller(one.call, given);
  const status = typeof called === "number" ? called : await ended(called);
  if (!(status >= 0 && status <= STATUSES) || status === PANIC) {
    lost.push(
      `${one.name}: status ${status} for ${given.map((value) => typeof value === "object" ? `[${value}]` : value)}`,
    );
  }
  if (status === 0 && (one.name in MADE || one.name === "capture_begin" || TENSORS.has(one.name))) {
    await letGo(one.name, given);
  }
}

/** Milliseconds of heating: a call that asks the machine is not cheap, and hot long before the others. */
const HEATING = 3_000;

function heatUp(one: Export): void {
  const given = one.cheap();
  const end = performance.now() + HEATING;
  for (let at = 0; at < Number(heat) && (at % 100 > 0 || performance.now() < end); at++) void one.caller(one.call, given);
}

/** Exports that wait answer with a promise: thousands of them at once are no hot call. */
const waits = new Set(functionRows.filter(({ nonblocking }) => nonblocking).map(({ name }) => name));

if (part === "panic") {
  // The planted bug: an export whose body panics, as one that lacks a check would.
  injectPanic(1);
  await meet(exports.find(({ name }) => name === "relu")!);
} else if (part === "overrun") {
  // The planted bug: an export that believes a length which is none.
  const { caller, call } = exports.find(({ name }) => name === "relu")!;
  await caller(call, [...opArguments(stage.live.queue, [], []), new Uint32Array(1024), 4096] as RawValue[]);
  const bytes = new Uint8Array(16);
  await caller(call, [
    stage.live.queue.slot,
    stage.live.queue.generation,
    new Uint32Array(bytes.buffer),
    0xfffffff8,
    bytes,
    0,
    ...result(),
  ]);
  for (const size of [1 << 28, 1 << 30]) {
    const raw = table["lt_tensor_create"] as (...args: RawValue[]) => number;
    const { slot, generation } = stage.live.queue;
    raw(slot, generation, 4, new Uint32Array([size]), 4, bytes, size, ...result());
  }
} else {
  for (const one of exports) {
    console.error(one.name);
    const before = lost.length;
    for (let at = 0; at < Number(wild) / 2; at++) await meet(one);
    // One is enough to tell; each that never ends takes its time.
    if (lost.length > before) continue;
    await stage.renew();
    if (!waits.has(one.name)) heatUp(one);
    for (let at = 0; at < Number(wild) / 2; at++) await meet(one);
    await stage.renew();
  }
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2, 3], undefined, { device });
  using sum = x.sum();
  if (await sum.item() !== 6) lost.push("the library computes wrong afterwards");
}
const answer: WildAnswer = { exports: exports.length, tried, lost: lost.slice(0, 20) };
console.log(JSON.stringify(answer));
Deno.exit(0);
