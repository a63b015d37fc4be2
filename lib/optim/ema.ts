/** The average of a model's weights over the steps of its training. */
import { type AnyModule, Module } from "../nn/module.ts";
import { zeros } from "../tensor/create.ts";
import { noGrad } from "../tensor/graph.ts";
import { kindOf, requireFunction, requireNumber, requireOptionsOf } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** How the average is made. */
export interface EmaOptions {
  /** What the average keeps of itself at each step, 0 to 1 without 1, say 0.999. */
  decay: number;
}

/**
 * An exponential moving average of a model's parameters and running statistics.
 *
 * At step t (from 1) it keeps min(decay, t / (t + 9)) of itself, as TensorFlow's does: the initial weights, from which it
 * starts, are soon forgotten, whatever the decay.
 *
 * @example
 * ```ts
 * import { models, optim } from "@libtrain/libtrain";
 *
 * using model = models.mnistNet({ seed: 0 });
 * using ema = new optim.Ema(model, { decay: 0.99 });
 * ema.update(); // after each step of the optimizer
 * await ema.during(async () => console.log("now the model has the averaged weights"));
 * ```
 */
export class Ema {
  /** What the average keeps of itself at most. */
  readonly decay: number;
  readonly #model: AnyModule;
  readonly #averages: ReadonlyMap<string, Tensor>;
  /** Updates so far; on the device, so that a recorded step counts too. */
  readonly #count: Tensor;

  /** Starts from the weights as they are. */
  constructor(model: AnyModule, options: EmaOptions) {
    requireOptionsOf("Ema", options, { example: "new Ema(model, { decay: 0.999 })", known: ["decay"] });
    if (!(model instanceof Module)) throw new TypeError(`Ema(): Expected \`model\` as a module, got ${kindOf(model)}`);
    const { decay } = options;
    requireNumber("Ema", "decay", decay, { fits: (share) => share >= 0 && share < 1, wanted: "from 0 to below 1" });
    const first = model.namedParameters().values().next().value;
    if (first === undefined) throw new TypeError(`Ema(): Expected a model with parameters, got ${model}`);
    this.decay = decay;
    this.#model = model;
    this.#averages = copies(model);
    for (const average of this.#averages.values()) average.heldAs("optimizer");
    const { dtype, device } = first;
    this.#count = scope(() => zeros([1], { dtype, device })).detachFromScope().heldAs("optimizer");
  }

  /** Takes the weights as they are now into the average; only enqueues. */
  update(): void {
    noGrad(() =>
      scope(() => {
        const count = this.#count;
        count.assign(count.add(1));
        const share = count.div(count.add(9)).minimum(this.decay).neg().add(1);
        const live = this.#model.state();
        for (const [path, average] of this.#averages) {
          const value = live.get(path)!;
          // What does not hold numbers to average, say a count, is taken as it is; so is all where nothing is kept, whatever
          // the average was.
          const averaged = value.dtype === share.dtype && this.decay > 0;
          const next = averaged ? average.add(value.sub(average).mul(share)) : value;
          average.assign(next);
        }
      })
    );
  }

  /**
   * Starts again from the weights as they are now: what was averaged so far is forgotten. For weights that were loaded after
   * the average was made; a Trainer calls it when its first training begins.
   */
  restart(): void {
    assignAll(this.#averages, this.#model.state());
    this.#count.fill(0);
  }

  /** The averages by the model's paths, and `count`: they are its own, not copies. */
  state(): Map<string, Tensor> {
    return new Map([...[...this.#averages].map(([path, value]) => [`model.${path}`, value] as const), [
      "count",
      this.#count,
    ]]);
  }

  /** Runs something with the averaged weights in the model, and puts the model's own back afterwards. */
  async during<Result>(body: () => Promise<Result>): Promise<Result> {
    requireFunction("during", "body", body);
    const own = copies(this.#model);
    try {
      assignAll(this.#model.state(), this.#averages);
      return await body();
    } finally {
      assignAll(this.#model.state(), own);
      for (const value of own.values()) value.dispose();
    }
  }

  /** Lets go of the averages. */
  dispose(): void {
    for (const value of this.#averages.values()) value.dispose();
    this.#count.dispose();
  }

  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Its decay. */
  toString(): string {
    return `Ema(decay ${this.decay})`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

function copies(model: AnyModule): Map<string, Tensor> {
  return new Map(
    [...model.state()].map(([path, value]) => [path, noGrad(() => scope(() => value.clone())).detachFromScope()]),
  );
}

function assignAll(targets: ReadonlyMap<string, Tensor>, values: ReadonlyMap<string, Tensor>): void {
  for (const [path, target] of targets) target.assign(values.get(path)!);
}
