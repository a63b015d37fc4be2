/** A training in which one allocation of memory after the other is refused. */
import { Device, evaluate, LateError, nn, optim, OutOfMemoryError, type Tensor, Trainer } from "../../mod.ts";
import { injectRefusal } from "../../lib/ffi/native.ts";
import { fingerprint, tinyData } from "../lib/train/tiny.ts";

/** Layers that keep buffers, draw, and need room in their kernels. */
class Small extends nn.Module {
  readonly body: nn.Sequential;

  constructor(device: Device) {
    super();
    const options = { device, init: new nn.UniformInit({ seed: 1 }) };
    this.body = new nn.Sequential(
      new nn.Conv2d(1, 4, { stride: 2, ...options }),
      new nn.BatchNorm2d(4, { device }),
      new nn.Dropout({ p: 0.1, seed: 3, device }),
      new nn.Flatten(),
      new nn.Linear(64, 4, options),
    );
  }

  override forward(x: Tensor): Tensor {
    return this.body.forward(x);
  }
}

/** How a training under faults goes. */
export interface FaultyTraining {
  /** Whether steps are recorded. */
  readonly capture: boolean;
  readonly optimizer: optim.Optimizer;
}

/** What came of a training. */
export interface Outcome {
  /** The whole state, and the predictions, as a text that differs whenever a bit of it does. */
  readonly bits: string;
  /** Allocations that were asked for. */
  readonly allocations: number;
  /** The errors that the refusals led to. */
  readonly errors: readonly OutOfMemoryError[];
}

/**
 * Trains for two epochs, measures and reads on a device of its own, with the `nth` allocation from its opening on refused
 * (0: none). What fails for that is done again, once.
 */
export async function trainedUnderFault(nth: number, { capture, optimizer }: FaultyTraining): Promise<Outcome> {
  const errors: OutOfMemoryError[] = [];
  /** Does something again after its OutOfMemoryError; anything else is thrown. */
  async function again<Result>(body: () => Result | Promise<Result>): Promise<Result> {
    try {
      return await body();
    } catch (error) {
      const found = error instanceof LateError ? error.cause : error;
      if (!(found instanceof OutOfMemoryError)) throw error;
      errors.push(found);
      if (error instanceof LateError) await device.recover();
      return await body();
    }
  }
  const warn = console.warn;
  console.warn = () => {};
  using device = new Device("cpu", { threads: 1 });
  const before = injectRefusal(nth);
  try {
    using train = await again(() => tinyData(device, 20, { training: true }));
    using valid = await again(() => tinyData(device, 8));
    using model = await again(() => new Small(device));
    using trainer = await again(() =>
      new Trainer(model, { optimizer, schedule: optim.flatCos({ lr: 1e-2 }), capture, ema: 0.9 })
    );
    const batches = train.batches(8, { seed: 0, dropLast: false });
    const { loss } = await again(() => trainer.fit(batches, { epochs: 2, valid: valid.batches(8) }));
    const { top1 } = await again(() => evaluate(model, valid.batches(4)));
    const state = await again(() => trainer.state());
    return { bits: `${fingerprint(state)} ${loss} ${top1}`, allocations: injectRefusal(0) - before, errors };
  } finally {
    injectRefusal(0);
    console.warn = warn;
  }
}
