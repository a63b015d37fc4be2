/** Finding where numbers that are not finite come from. */
import { isFloat } from "../ffi/codes.ts";
import { LibtrainError, StateError } from "../ffi/errors.ts";
import type { AnyModule } from "../nn/module.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { leavesOf, type Tensors } from "../tensor/tensors.ts";
import { lateError } from "./steps_in_flight.ts";

/**
 * A number that is not finite: a loss or a gradient, whose step changed no weight and no optimizer state, or weights
 * themselves, which a step before has left so, or the loss measured with them; the message says which.
 */
export class NonFiniteError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "NonFiniteError";
  /** The epoch, from 1. */
  readonly epoch: number;
  /** The step, from 1, over all epochs. */
  readonly step: number;
  /** The batch's samples, as their numbers in the data set; none where a state was to be saved. */
  readonly index: Int32Array;
  /** What was not finite first, say `the output of "stages.0.0" (ResBlock)`. */
  readonly where: string;

  /**
   * Says where and when; `weights` where these are what is not finite, with the step whose state was saved last, if any, or
   * where what was `measured` with them is.
   */
  constructor(
    at: {
      epoch: number;
      step: number;
      index: Int32Array;
      where: string;
      weights?: { savedAt: number | null; measured?: boolean };
    },
    options: { cause?: unknown } = {},
  ) {
    const { epoch, step, index, where, weights } = at;
    const more = index.length > 16 ? ` and ${index.length - 16} more (all in the error's \`index\`)` : "";
    const samples = index.length === 0 ? "" : ` The batch's samples are ${index.subarray(0, 16).join(", ")}${more}.`;
    super(
      `Cannot go on after epoch ${epoch}, step ${step}: ${where} is not finite, as first of all.${samples} ${
        weights === undefined
          ? "Weights and optimizer state are those before the step: lower the learning rate, or look at these samples"
          : weights.measured === true
          ? `The steps so far have left weights that are too large, or images are not finite: ${
            savedText(weights.savedAt)
          }`
          : `The steps so far have left it so, and the weights are lost: ${savedText(weights.savedAt)}`
      }`,
      options,
    );
    this.epoch = epoch;
    this.step = step;
    this.index = index;
    this.where = where;
  }
}

function savedText(step: number | null): string {
  return step === null
    ? "no state was saved; lower the learning rate and begin anew"
    : `the state that was saved last, of step ${step}, is kept; lower the learning rate and go on from it`;
}

/** A scalar that is 0 where all values are finite, else not a number; whole numbers always are. */
function probe(tensors: Tensors): Tensor[] {
  return leavesOf(tensors).filter(({ dtype }) => isFloat(dtype)).map((values) =>
    noGrad(() => scope(() => values.detach().mul(0).sum())).detachFromScope().claimed()
  );
}

/** A value to look at, and in which of the batches it is. */
interface Probe {
  what: string;
  value: Tensor;
  batch: number;
}

const parameterText = "the parameter ";

/** Whether what was found is a weight: a step before has left it so. */
export function isWeight(what: string): boolean {
  return what.startsWith(parameterText);
}

/** What a tensor of a state is, in words. */
export function whereOf(name: string): string {
  const [kind = "", ...path] = name.split(".");
  const own = path.join(".");
  if (kind === "model") return `"${own}" of the model`;
  return kind === "ema" ? `the average of "${own.replace(/^model\./, "")}"` : `the optimizer's state "${own}"`;
}

/** Takes the values of a batch, as they come. */
type Note = (what: string, tensors: Tensors) => void;

/** Puts a forward that takes notes before each module's own; the function returned takes them away. */
function observe(model: AnyModule, note: Note): () => void {
  const undo: (() => void)[] = [];
  for (const [path, module] of model.modules()) {
    const own = Object.getOwnPropertyDescriptor(module, "forward");
    undo.push(() =>
      void (own ? Object.defineProperty(module, "forward", own) : Reflect.deleteProperty(module, "forward"))
    );
    const forward = module.forward.bind(module) as (...args: unknown[]) => Tensors;
    const name = path === "" ? `the model (${module.constructor.name})` : `"${path}" (${module.constructor.name})`;
    Object.defineProperty(module, "forward", {
      configurable: true,
      value: (...args: unknown[]): Tensors => {
        const y = forward(...args);
        note(`the output of ${name}`, y);
        return y;
      },
    });
  }
  return () => undo.forEach((restore) => restore());
}

/** Enqueues forward and backward of a batch in the model's present mode, and notes every value on the way. */
function replay(model: AnyModule, inputs: Tensors, lossOf: () => Tensor, note: Note): void {
  note("a value of the images", inputs);
  for (const [path, parameter] of model.namedParameters()) note(`${parameterText}"${path}"`, parameter);
  const restore = observe(model, note);
  try {
    scope(() => {
      const loss = lossOf();
      note("the loss", loss);
      loss.backward();
    });
    for (const [path, { grad }] of [...model.namedParameters()].reverse()) {
      if (grad !== null) note(`the gradient of "${path}"`, grad);
    }
  } finally {
    restore();
    for (const parameter of model.namedParameters().values()) parameter.setGrad(null);
  }
}

/** The first probe that is not finite; those that were skipped after a late error cannot be read. */
async function firstOf(probes: readonly Probe[]): Promise<Pick<Probe, "what" | "batch"> | undefined> {
  try {
    for (const { what, value, batch } of probes) if (!Number.isFinite(await value.item())) return { what, batch };
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
  }
  return undefined;
}

/**
 * Runs the batches of a step again, module by module, and says what is not finite first, and in which of them: the images, a
 * parameter, a module's output, the loss or a gradient; undefined where all is finite, as far as it runs: an op may fail
 * again. One goes after the other, as in the step, so that layers draw what they drew there. The device goes on afterwards,
 * and parameters and buffers are left as they were.
 */
export async function firstNonFinite<Batch extends { readonly inputs: Tensors }>(
  model: AnyModule,
  batches: readonly Batch[],
  lossOf: (batch: Batch) => Tensor,
): Promise<{ what: string; batch: number } | undefined> {
  const { device } = leavesOf(batches[0]!.inputs)[0]!;
  const buffers = [...model.namedBuffers().values()];
  const kept = noGrad(() => scope(() => buffers.map((buffer) => buffer.clone()))).map((copy) =>
    copy.detachFromScope().claimed()
  );
  const probes: Probe[] = [];
  try {
    try {
      batches.forEach((each, batch) =>
        replay(model, each.inputs, () => lossOf(each), (what, tensors) => {
          for (const value of probe(tensors)) probes.push({ what, value, batch });
        })
      );
    } finally {
      if (await lateError(device) !== undefined) await device.recover();
      buffers.forEach((buffer, place) => buffer.assign(kept[place]!));
    }
    return await firstOf(probes);
  } finally {
    for (const value of [...kept, ...probes.map(({ value }) => value)]) value.dispose();
  }
}
