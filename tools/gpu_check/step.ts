/** The training step beside PyTorch's, rounds of each in turn: replayed, on batches from a data set in the device's memory. */
import { median } from "../../benchmarks/support.ts";
import { messageOf } from "../../lib/cli/command.ts";
import { UsageError } from "../../lib/cli/flags.ts";
import { data, type Device, type Tensor } from "../../mod.ts";
import { Peer, type PeerOptions } from "./peer.ts";
import { type Checks, isEmulated, openDevice, type PartContext, rounded } from "./part.ts";
import { EntryTraining, parameters } from "./training.ts";

/** What is measured, the most important first: time may run out. */
const CONFIGS: readonly { dtype: "bf16" | "f32"; bs: number }[] = [
  { dtype: "bf16", bs: 32 },
  { dtype: "f32", bs: 32 },
  { dtype: "bf16", bs: 128 },
  { dtype: "bf16", bs: 64 },
  { dtype: "bf16", bs: 256 },
];

/** PyTorch's ways to run a step; only against the latter two is a ratio a verdict. */
export const MODES = ["eager", "graph", "compile"] as const;

/** Rounds of each. */
const ROUNDS = 5;
/** How long a round should take, ms. */
const ROUND_MS = 1000;
/** How much faster than PyTorch's fastest a step shall be. */
const GOAL = 1.5;
/** Images of the data set that batches are made of. */
const IMAGES = 2048;

/** A data set of random bytes in the device's memory. */
function randomSet(device: Device, { count, size }: { count: number; size: number }): data.Dataset {
  const images = new Uint8Array(count * size * size * 3);
  // Any bytes do; each image is another.
  for (let i = 0; i < images.length; i++) images[i] = (i * 2654435761) >>> 24;
  const labels = Int32Array.from({ length: count }, (_, i) => i % 10);
  return data.fromArrays({ images, labels, imageShape: [size, size, 3], classes: 10 }, { device, training: true });
}

/** Our side: rounds of replayed steps. */
class Own implements Disposable {
  readonly device: Device;
  readonly training: EntryTraining;
  readonly #set: data.Dataset;
  readonly #step: ReturnType<EntryTraining["captured"]>;
  readonly #batches: AsyncIterator<{ images: Tensor; labels: Tensor }>;
  /** JavaScript's time in the calls of a step, µs. */
  hostMicroseconds = NaN;

  constructor(context: PartContext, options: { dtype: "bf16" | "f32"; bs: number; size: number }) {
    const { small } = context;
    this.device = openDevice(context, { tf32: true });
    this.training = new EntryTraining(this.device, { ...options, small });
    this.#set = randomSet(this.device, { count: small ? 32 : IMAGES, size: options.size });
    this.#step = this.training.captured();
    this.#batches = this.#endless(this.#set.batches(options.bs, { seed: 0, flip: 0.5 }));
  }

  async *#endless(batches: data.Batches): AsyncGenerator<{ images: Tensor; labels: Tensor }> {
    for (let epoch = 0;; epoch++) yield* batches.at({ epoch });
  }

  /** Milliseconds a step, of so many. */
  async round(steps: number): Promise<number> {
    await this.device.synchronize();
    let inside = 0;
    const start = performance.now();
    for (let i = 0; i < steps; i++) {
      const { images, labels } = (await this.#batches.next()).value;
      const called = performance.now();
      this.#step(images, labels).dispose();
      inside += performance.now() - called;
    }
    await this.device.synchronize();
    this.hostMicroseconds = rounded(1000 * inside / steps);
    return (performance.now() - start) / steps;
  }

  [Symbol.dispose](): void {
    void this.#batches.return?.();
    this.#step.dispose();
    this.training[Symbol.dispose]();
    this.#set.dispose();
    this.device.dispose();
  }
}

/** Starts the peers that there is time for. */
async function startPeers(
  context: PartContext,
  options: Omit<PeerOptions, "mode" | "device">,
  checks: Checks,
): Promise<Map<string, Peer>> {
  const peers = new Map<string, Peer>();
  const onGpu = context.device === "cuda" && !isEmulated(context);
  const modes = onGpu ? MODES.filter((mode) => context.modes.includes(mode)) : ["eager"] as const;
  for (const mode of modes) {
    const name = `PyTorch ${mode}, ${options.dtype}, batch ${options.bs}`;
    if (context.python === null) {
      checks.skip(name, "PyTorch was left out");
      continue;
    }
    // What is slow to compile leaves time for the next, and for the rounds.
    const left = 0.6 * ((context.deadline - performance.now()) / 1000 - 40);
    if (left < 20) {
      checks.skip(name, "no time is left");
      continue;
    }
    try {
      const peer = await Peer.start(context.python, { ...options, mode, device: onGpu ? "cuda" : "cpu" }, left);
      peers.set(mode, peer);
      context.note(`${name}: warm after ${peer.facts.warmup_s} s`);
    } catch (error) {
      checks.skip(name, messageOf(error));
    }
  }
  return peers;
}

/** One configuration. */
async function measured(
  context: PartContext,
  { dtype, bs }: { dtype: "bf16" | "f32"; bs: number },
  checks: Checks,
): Promise<Record<string, unknown>> {
  const size = context.small ? 32 : 128;
  const peers = await startPeers(context, { dtype, bs, size, small: context.small }, checks);
  await using held = new AsyncDisposableStack();
  for (const peer of peers.values()) held.use(peer);
  using own = new Own(context, { dtype, bs, size });
  for (const [mode, { facts }] of peers) {
    const wanted = context.small ? own.training.parameters : parameters;
    const name = `${dtype}, batch ${bs}: PyTorch's ${mode} network is the same`;
    checks.that(name, facts.parameters === wanted, `${facts.parameters} parameters, here ${own.training.parameters}`);
  }
  // The first steps compile, choose and record.
  await own.round(context.small ? 3 : 10);
  const once = await own.round(context.small ? 1 : 5);
  const stepsOf = (ms: number): number => context.small ? 2 : Math.max(5, Math.round(ROUND_MS / ms));
  const rounds: Record<string, number[]> = {
    libtrain: [],
    ...Object.fromEntries([...peers].map(([mode]) => [mode, []])),
  };
  for (let round = 0; round < (context.small ? 1 : ROUNDS); round++) {
    rounds["libtrain"]!.push(await own.round(stepsOf(once)));
    for (const [mode, peer] of peers) {
      const left = (context.deadline - performance.now()) / 1000;
      const before = rounds[mode]!.at(-1);
      rounds[mode]!.push(await peer.round(before === undefined ? (context.small ? 1 : 20) : stepsOf(before), left));
    }
  }
  const medians = Object.fromEntries(Object.entries(rounds).map(([name, times]) => [name, rounded(median(times))]));
  const { libtrain, ...others } = medians;
  const fastest = Object.entries(others).toSorted((a, b) => a[1] - b[1])[0];
  const ratio = fastest === undefined ? null : rounded(fastest[1] / libtrain!, 3);
  const line = Object.entries(medians).map(([name, ms]) => `${name} ${ms} ms (${(1000 * bs / ms).toFixed(0)} img/s)`);
  context.note(`${dtype}, batch ${bs}: ${line.join(", ")}${ratio === null ? "" : `, ratio ${ratio}`}`);
  const real = context.device === "cuda" && !isEmulated(context) && !context.small;
  if (ratio !== null && fastest !== undefined && real) {
    const name = `${dtype}, batch ${bs}: at least ${GOAL} times PyTorch's fastest`;
    if (peers.has("graph") || peers.has("compile")) checks.that(name, ratio >= GOAL, `${ratio} times ${fastest[0]}`);
    else checks.skip(name, `only eager ran beside it (${ratio} times as fast): that decides nothing`);
  }
  return {
    dtype,
    bs,
    size,
    ms: medians,
    imagesPerSecond: Object.fromEntries(Object.entries(medians).map(([name, ms]) => [name, rounded(1000 * bs / ms)])),
    fastestPeer: fastest?.[0] ?? null,
    ratio,
    hostMicroseconds: own.hostMicroseconds,
    rounds: Object.fromEntries(Object.entries(rounds).map(([name, all]) => [name, all.map((ms) => rounded(ms))])),
    peers: Object.fromEntries([...peers].map(([mode, { facts }]) => [mode, facts])),
  };
}

/** The part. */
export async function step(context: PartContext, checks: Checks): Promise<Record<string, unknown>> {
  const all = context.small ? [{ dtype: "bf16", bs: 4 }, { dtype: "f32", bs: 4 }] as const : CONFIGS;
  const configs = all.filter(({ dtype, bs }) => context.configs?.includes(`${dtype}:${bs}`) ?? true);
  if (configs.length === 0) {
    throw new UsageError(
      `Expected --configs of ${all.map(({ dtype, bs }) => `${dtype}:${bs}`).join(", ")}, got ${context.configs}`,
    );
  }
  const results: Record<string, unknown>[] = [];
  for (const config of configs) {
    const left = (context.deadline - performance.now()) / 1000;
    if (left < 45 && results.length > 0) {
      checks.skip(`${config.dtype}, batch ${config.bs}`, `${left.toFixed(0)} s are left`);
      continue;
    }
    await checks.run(`${config.dtype}, batch ${config.bs}: measured`, async () => {
      results.push(await measured(context, config, checks));
    });
  }
  return { tf32: true, configs: results };
}
