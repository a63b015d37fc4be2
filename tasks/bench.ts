/**
 * `deno task bench step`: how fast one training step is on this machine.
 *
 * @module
 */
import { capture, Device, deviceInfo, logitsOf, nn, rand, recipe, scoped, type Tensor, tensor } from "../mod.ts";
import { type Command, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { UsageError } from "../lib/cli/flags.ts";
import { Progress } from "../lib/cli/progress.ts";

/** The presets whose step is measured. */
export type BenchPreset = keyof typeof benches;

/** What to measure. */
export interface StepBenchOptions {
  /** By default mnist, or imagenette-128-5 where a size is given. */
  preset?: BenchPreset;
  /** Images a step; by default the preset's. */
  bs?: number;
  /** Height and width of the images; by default the preset's. */
  size?: number;
  /** What the network computes in; by default f32. */
  dtype?: recipe.ComputeDtype;
  threads?: number;
  /** Steps measured, after the warm-up. */
  steps?: number;
  warmup?: number;
  /** Whether the step is replayed by one call, or enqueued op by op. */
  capture?: boolean;
  /** Told how many of how many steps are done, the warm-up among them. */
  progress?(done: number, total: number): void;
}

/** One measurement of a training step. */
export interface StepBench {
  preset: string;
  bs: number;
  size: number;
  dtype: string;
  capture: boolean;
  /** Images a second at the median step. */
  img_per_s: number;
  best_img_per_s: number;
  /** Median milliseconds a step, until its loss is read. */
  ms: number;
  /** Median milliseconds that JavaScript was busy a step. */
  host_ms: number;
  /** 10⁹ operations a second: six a multiply-add of the forward's products. */
  gflops: number;
  peak_rss_mb: number;
  parameters: number;
  threads: number;
  cpu: string;
  isa: string;
}

/** What the data of each preset would say of its network: channels and size of the images; and steps worth a minute. */
export const benches = {
  mnist: { channels: 1, size: 28, steps: 50, warmup: 10 },
  "imagenette-128-5": { channels: 3, size: 128, steps: 12, warmup: 4 },
} as const satisfies Record<string, { channels: number; size: number; steps: number; warmup: number }>;

const classes = Array.from({ length: 10 }, (_, index) => `${index}`);

/** Measures one training step of a preset: forward, backward, optimizer, loss read back. */
export async function benchStep(options: StepBenchOptions = {}): Promise<StepBench> {
  const { dtype = "f32", threads, capture: captures = true } = options;
  const { preset = options.size === undefined ? "mnist" : "imagenette-128-5" } = options;
  const settings = recipe.preset(preset, { dtype });
  const { channels, ...usual } = benches[preset];
  const { size = usual.size, steps = usual.steps, warmup = usual.warmup } = options;
  const bs = options.bs ?? settings.bs;
  using device = new Device("cpu", { threads });
  using model = recipe.buildModel({ ...settings, dtype, classes, imageShape: [size, size, channels] }, device);
  using optimizer = recipe.buildOptimizer(settings).bind(model, { lr: settings.schedule.lr });
  const lossOf = recipe.buildLoss(settings);
  const shape = [bs, size, size, channels];
  const macs = nn.summaryRows(model, shape).reduce((sum, row) => sum + row.macs, 0);
  using images = rand(shape, { seed: 1, dtype: recipe.masterDtype(dtype), device });
  using labels = tensor(Int32Array.from({ length: bs }, (_, i) => i % 10), undefined, { device });
  const body = (images: Tensor, labels: Tensor): Tensor => {
    const loss = lossOf(logitsOf(model, images, dtype), { inputs: images, images, targets: labels, labels });
    loss.backward();
    optimizer.step();
    return loss;
  };
  using captured = captures ? capture(body) : null;
  const step = captured ?? scoped(body);
  const total: number[] = [];
  const host: number[] = [];
  for (let i = 0; i < warmup + steps; i++) {
    const start = performance.now();
    using loss = step(images, labels);
    const enqueued = performance.now();
    await loss.item();
    const end = performance.now();
    options.progress?.(i + 1, warmup + steps);
    if (i < warmup) continue;
    host.push(enqueued - start);
    total.push(end - start);
  }
  const ms = median(total);
  return {
    preset,
    bs,
    size,
    dtype,
    capture: captures,
    img_per_s: rounded(1e3 * bs / ms, 1),
    best_img_per_s: rounded(1e3 * bs / Math.min(...total), 1),
    ms: rounded(ms, 3),
    host_ms: rounded(median(host), 3),
    gflops: rounded(6 * macs / ms / 1e6, 1),
    peak_rss_mb: Math.round(deviceInfo().process.peakMemory / 2 ** 20),
    parameters: [...model.namedParameters().values()].reduce((sum, parameter) => sum + parameter.size, 0),
    threads: device.stats().chunksByThread.length,
    cpu: deviceInfo().cpu.model,
    isa: deviceInfo().cpu.isa,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** The flags of a single measurement. */
export const stepFlags = {
  preset: {
    kind: "choice",
    choices: Object.keys(benches),
    help: "Whose network, optimizer and loss (default mnist; with --size imagenette-128-5)",
  },
  size: { kind: "integer", min: 8, max: 1024, help: "Height and width of the images (default: the preset's)" },
  bs: { kind: "integer", min: 2, max: 65536, help: "Images a step (default: the preset's)" },
  dtype: {
    kind: "choice",
    choices: ["f32", "bf16", "f64"],
    default: "f32",
    help: "What the network computes in; f64 runs the reference kernels",
  },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads (default: LIBTRAIN_THREADS, or every core)" },
  steps: { kind: "integer", min: 1, help: "Steps measured (default: 50 of mnist, 12 of imagenette-128-5)" },
  warmup: { kind: "integer", min: 3, help: "Steps before those (default: 10 of mnist, 4 of imagenette-128-5)" },
  capture: { kind: "boolean", default: true, help: "Enqueue each step op by op" },
} as const;

/** The command line of `deno task bench`. */
export const benchCommand: Command<typeof stepFlags> = {
  name: "deno task bench",
  about: "Measures the speed of one training step: forward, backward, optimizer, loss read back.",
  words: { name: "WHAT", help: "What to measure: step", max: 1, required: true },
  examples: ["deno task bench step --bs 128 --json"],
  flags: stepFlags,
  async run({ flags, words, report }): Promise<number> {
    const [what] = words;
    if (what !== "step") {
      throw new UsageError(
        `Expected what to measure as the word step, got ${what === undefined ? "nothing" : `"${what}"`}`,
      );
    }
    const { preset, dtype, ...rest } = flags;
    using shown = new Progress(report, { unit: "steps" });
    const result = await benchStep({
      ...rest,
      preset: preset as BenchPreset,
      dtype: dtype as recipe.ComputeDtype,
      progress: (done, total) => shown.update({ label: "step", done, total }),
    });
    shown.clear();
    report.line(
      `${result.img_per_s} img/s · ${result.ms} ms a step of ${result.bs} · ${result.gflops} GFLOP/s · JavaScript ${result.host_ms} ms · ` +
        `${result.peak_rss_mb} MiB · ${result.cpu} (${result.isa}, ${result.threads} threads)`,
    );
    report.result({ ...result });
    return exitCodes.done;
  },
};

if (import.meta.main) await main(benchCommand);
