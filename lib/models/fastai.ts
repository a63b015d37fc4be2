/** Where fastai keeps what an xresnet here holds: names and shapes of its state dict. */
import { StateError } from "../ffi/errors.ts";
import type { FastaiEntry } from "../nn/fastai_names.ts";
import type { ResBlock } from "./res_block.ts";
import type { XResNet } from "./xresnet.ts";

/** Collects entries, taking shapes from the model. */
class Entries {
  readonly list: FastaiEntry[] = [];
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  constructor(model: XResNet) {
    this.#shapes = new Map([...model.state()].map(([path, { shape }]) => [path, shape]));
  }

  /** The tensor at a path; `shape` says how its shape here becomes fastai's. */
  add(name: string, path: string, shape = (own: readonly number[]): readonly number[] => own): void {
    this.list.push({ name, path, shape: shape(this.#shapes.get(path)!) });
  }

  /** fastai's ConvLayer: convolution, then batch norm. */
  convLayer(name: string, conv: string, norm: string): void {
    const path = `${conv}.weight`;
    const [out, kh, kw, channels] = this.#shapes.get(path)!;
    this.list.push({ name: `${name}.0.weight`, path, shape: [out!, channels!, kh!, kw!], convolution: true });
    this.add(`${name}.1.weight`, `${norm}.weight`);
    this.add(`${name}.1.bias`, `${norm}.bias`);
    this.add(`${name}.1.running_mean`, `${norm}.runningMean`);
    this.add(`${name}.1.running_var`, `${norm}.runningVariance`);
    this.list.push({ name: `${name}.1.num_batches_tracked`, path: null, shape: [] });
  }

  block(name: string, path: string, block: ResBlock): void {
    const { convs, squeeze, attention, shortcut } = block;
    convs.forEach((_, index) =>
      this.convLayer(`${name}.convpath.${index}`, `${path}.convs.${index}.conv`, `${path}.convs.${index}.norm`)
    );
    let next = convs.length;
    if (squeeze !== null) {
      const at = `${name}.convpath.${next++}.layers`;
      for (const [index, layer] of [[1, "reduce"], [2, "expand"]] as const) {
        // A 1x1 convolution there.
        this.add(`${at}.${index}.0.weight`, `${path}.squeeze.${layer}.weight`, (own) => [...own, 1, 1]);
        this.add(`${at}.${index}.0.bias`, `${path}.squeeze.${layer}.bias`);
      }
    }
    if (attention !== null) {
      const at = `${name}.convpath.${next++}`;
      const { symmetric } = attention.conv;
      this.add(`${at}.gamma`, `${path}.attention.gamma`);
      this.add(`${at}.conv.weight_orig`, `${path}.attention.conv.weight`, (own) => [...own, 1]);
      if (symmetric) this.list.push({ ...this.list.pop()!, symmetric });
      this.add(`${at}.conv.weight_u`, `${path}.attention.conv.u`);
      this.add(`${at}.conv.weight_v`, `${path}.attention.conv.v`);
    }
    if (shortcut?.conv) {
      // The pool, where there is one, comes first.
      const index = shortcut.pool === null ? 0 : 1;
      this.convLayer(`${name}.idpath.${index}`, `${path}.shortcut.conv`, `${path}.shortcut.norm`);
    }
  }
}

/**
 * Every tensor of the state dict that fastai's XResNet of the same options has.
 *
 * Throws a StateError for a model that fastai cannot make: its stem has three convolutions and a pool.
 */
export function fastaiEntries(model: XResNet): FastaiEntry[] {
  if (model.stem.length !== 3 || model.stemPool === null) {
    const pool = model.stemPool === null ? "no pool" : "a pool";
    throw new StateError(
      `Expected a model as fastai makes them, with three convolutions and a pool in its stem, got ` +
        `${model.stem.length} and ${pool}: build it without stemPool, and with three widths in stem`,
    );
  }
  const entries = new Entries(model);
  model.stem.forEach((_, index) => entries.convLayer(`${index}`, `stem.${index}.conv`, `stem.${index}.norm`));
  const first = model.stem.length + 1;
  model.stages.forEach((blocks, stage) =>
    blocks.forEach((block, index) => entries.block(`${first + stage}.${index}`, `stages.${stage}.${index}`, block))
  );
  // After the stages come the mean over the image, flattening and dropout, which hold nothing.
  const head = first + model.stages.length + 3;
  entries.add(`${head}.weight`, "head.weight");
  entries.add(`${head}.bias`, "head.bias");
  return entries.list;
}
