/** Training steps of this checkout, of another one and of PyTorch, measured in turn. */
import { Contenders } from "./contenders.ts";
import { channelsOf, peerNetwork } from "./networks.ts";
import { commitOf, type Origin, originOf } from "./origin.ts";
import { otherCheckout } from "./other_checkout.ts";
import type { Rival } from "./rival.ts";
import type { LimitedIsa, Starts } from "./starts.ts";
import { nameOf, ratiosOf, type StepRatio, type StepRow } from "./step_rows.ts";

/** What can be compared. */
export const dtypes = ["f32", "bf16"] as const;
export const modes = ["eager", "compile", "autotune"] as const;
export const optimizers = ["ranger", "adamw"] as const;
export const layouts = ["nchw", "nhwc"] as const;

type Dtype = typeof dtypes[number];

/** What to compare, and how. */
export interface CompareOptions {
  readonly preset: "mnist" | "imagenette-128-5";
  readonly bs: number;
  readonly size: number;
  readonly threads: number;
  readonly rounds: number;
  /** Steps a round. */
  readonly steps: number;
  readonly dtypes: readonly Dtype[];
  /** PyTorch's; none leaves it out. */
  readonly modes: readonly typeof modes[number][];
  readonly optimizers: readonly typeof optimizers[number][];
  readonly layouts: readonly typeof layouts[number][];
  readonly isa: LimitedIsa;
  /** Folder of another checkout. */
  readonly beside: string | undefined;
  readonly starts: Starts;
  readonly signal?: AbortSignal;
  note(line: string): void;
}

/** What was found. */
export interface Comparison extends Origin {
  readonly what: string;
  readonly preset: string;
  readonly bs: number;
  readonly size: number;
  readonly threads: number;
  readonly rounds: number;
  readonly steps: number;
  /** Versions of the peer; null without one. */
  readonly peer: Readonly<Record<string, unknown>> | null;
  /** Commit of the other checkout; null without one. */
  readonly beside: string | null;
  readonly rows: readonly StepRow[];
  readonly ratios: readonly StepRatio[];
  readonly [name: string]: unknown;
}

type Label = Pick<StepRow, "who" | "dtype" | "mode" | "layout" | "optimizer">;

function shownName(label: Label): string {
  return [nameOf(label), label.layout].filter((word) => word !== undefined).join(", ");
}

/** PyTorch's step in one way, a process that takes each optimizer in turn: its network is compiled once. */
async function enterTorch(
  contenders: Contenders<Label>,
  rival: Rival,
  { dtype, mode, layout }: { dtype: Dtype; mode: string; layout: string },
  { optimizers, threads, preset, bs, size, isa }: CompareOptions,
): Promise<void> {
  const [network, channels] = [peerNetwork({ preset }), channelsOf({ preset })];
  const setup = { network, mode, dtype, layout, optimizer: optimizers[0], bs, size, channels, threads, isa };
  const ways = optimizers.map((optimizer) => {
    const label: Label = { who: "peer", dtype, mode, layout, optimizer };
    return { label, name: shownName(label), run: { optimizer } };
  });
  await contenders.add(rival, { name: `PyTorch ${mode} ${dtype}, ${layout}`, setup, ways });
}

/** Compares. What is measured is started one after the other, so that each compiles with the machine to itself. */
export async function compareSteps(options: CompareOptions): Promise<Comparison> {
  const { preset, bs, size, threads, rounds, steps, beside, isa, starts, signal } = options;
  await using started = new AsyncDisposableStack();
  const contenders = new Contenders<Label>(options);
  for (const dtype of options.dtypes) {
    const label: Label = { who: "own", dtype };
    const rival = started.use(await starts.own({ isa, signal }));
    const setup = { what: "train", network: { preset }, dtype, bs, size, threads };
    await contenders.add(rival, { name: nameOf(label), setup, ways: [{ label }] });
  }
  if (beside !== undefined) {
    const here = { preset, bs, size, threads, steps, signal };
    for (const dtype of options.dtypes) {
      const label: Label = { who: "beside", dtype };
      contenders.enter(label, nameOf(label), () => otherCheckout(beside, { ...here, dtype }));
    }
  }
  let peer: Readonly<Record<string, unknown>> | null = null;
  for (const dtype of options.dtypes) {
    for (const mode of options.modes) {
      for (const layout of options.layouts) {
        const rival = started.use(await starts.peer("torch_step.py", { isa, threads, signal }));
        peer = rival.facts;
        await enterTorch(contenders, rival, { dtype, mode, layout }, options);
      }
    }
  }
  const rows = (await contenders.measure()).map(({ label, ...figures }): StepRow => ({ ...label, ...figures }));
  return {
    what: `training step of the preset ${preset}, in rounds of all in turn; of two layouts the better counts`,
    ...await originOf(isa),
    preset,
    bs,
    size,
    threads,
    rounds,
    steps,
    peer,
    beside: beside === undefined ? null : await commitOf(beside),
    rows,
    ratios: ratiosOf(rows),
  };
}
