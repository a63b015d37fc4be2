/**
 * What a script does until memory is short, told as JSON: `memory_cases.ts large|forget|read|train FOLDER`.
 *
 * @module
 */
import { Device, OutOfMemoryError, randn, recipe, type Tensor } from "../../mod.ts";

/** What the script tells. */
export interface Told {
  /** What the error has as fields; null without one. */
  readonly error:
    | (Pick<OutOfMemoryError, "message" | "asked" | "held" | "budget" | "source" | "holders"> & {
      readonly name: string;
    })
    | null;
  readonly warnings: readonly string[];
  /** Tensors that were made before the error. */
  readonly made: number;
  /** A number that was computed afterwards. */
  readonly after: number;
}

const warnings: string[] = [];
console.warn = (text: string) => warnings.push(text);

/** 4.2 MiB each, of which no limit here is a multiple. */
const shape = [1100, 1000];

const device = new Device("cpu", { threads: 1 });
const kept: Tensor[] = [];

const cases: Record<string, () => void | Promise<void>> = {
  /** 12 GB at once. */
  large: () => void kept.push(randn([3e6, 1000], { device })),
  /** Nobody disposes of what a loop makes, and nothing waits. */
  forget(): void {
    while (true) {
      randn(shape, { device, seed: 0 }).mul(2);
      kept.length++;
    }
  },
  /** A recipe with a batch that is too large; a smaller one is trained in the end. */
  train: () => trained(4096),
  /** Values that a script keeps, each read whole. */
  async read(): Promise<void> {
    using x = randn([4096, 1024], { device });
    const values: unknown[] = [];
    while (true) {
      values.push(await x.data());
      kept.length++;
    }
  },
};

/** Trains for an epoch, into the folder that is the second argument. */
async function trained(bs: number): Promise<void> {
  const small = recipe.preset("mnist", { epochs: 1, bs, seed: 0, data: { limit: 4096 } });
  await recipe.train(small, { out: Deno.args[1] }).result;
}

let error: Told["error"] = null;
try {
  await cases[Deno.args[0]!]!();
} catch (thrown) {
  if (!(thrown instanceof OutOfMemoryError)) throw thrown;
  const { name, message, asked, held, budget, source, holders } = thrown;
  error = { name, message, asked, held, budget, source, holders };
}
const made = kept.length;
for (const tensor of kept) tensor?.dispose();
kept.length = 0;
if (Deno.args[0] === "train") await trained(64);
// What was forgotten is found by the collector, once the loop is over.
(globalThis as { gc?(): void }).gc?.();
await new Promise((resolve) => setTimeout(resolve, 50));
using ones = randn([1000], { device, seed: 1 });
using sum = ones.mul(0).add(1).sum();
console.log(JSON.stringify({ error, warnings, made, after: await sum.item() } satisfies Told));
