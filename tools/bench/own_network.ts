/** One network of the library's own with one batch: its training step, and its answers. */
import {
  capture,
  Device,
  evaluate,
  logitsOf,
  noGrad,
  rand,
  recipe,
  scope,
  softmax,
  type Tensor,
  tensor,
} from "../../mod.ts";
import { buildNetwork, channelsOf, classCount, type Network } from "./networks.ts";

/** What to measure of which network. */
export interface OwnSetup {
  readonly network: Network;
  readonly dtype: recipe.ComputeDtype;
  readonly bs: number;
  /** Height and width of the images. */
  readonly size: number;
  /** Of the CPU; by default every core. */
  readonly threads?: number;
  /** train: steps; evaluate: batches of `evaluate()`; forward: a batch's answers, read; replay: those, recorded before. */
  readonly what: "train" | "evaluate" | "forward" | "replay";
}

/** Something that can be run over and over. */
export interface Repeated extends Disposable {
  readonly parameters: number;
  readonly threads: number;
  /** Milliseconds of each of so many runs, until their result is read; of an evaluation, of its batches on average. */
  run(steps: number): Promise<number[]>;
}

/** Makes what a setup says. */
export function makeOwn(setup: OwnSetup): Repeated {
  const { network, dtype, bs, size, threads, what } = setup;
  const stack = new DisposableStack();
  const device = stack.use(new Device("cpu", { threads }));
  const model = stack.use(buildNetwork(network, size, device));
  const master = recipe.masterDtype(dtype);
  const images = stack.use(rand([bs, size, size, channelsOf(network)], { seed: 1, dtype: master, device }));
  const labels = stack.use(tensor(Int32Array.from({ length: bs }, (_, i) => i % classCount), undefined, { device }));
  const parameters = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);

  /** The loss of a step. */
  function training(): () => Tensor {
    const settings = recipe.preset("preset" in network ? network.preset : "imagenette-128-5");
    const optimizer = stack.use(recipe.buildOptimizer(settings).bind(model, { lr: settings.schedule.lr }));
    const lossOf = recipe.buildLoss(settings);
    const step = stack.use(capture((images: Tensor, labels: Tensor): Tensor => {
      const loss = lossOf(logitsOf(model, images, dtype), { inputs: images, images, targets: labels, labels });
      loss.backward();
      optimizer.step();
      return loss;
    }));
    return () => step(images, labels);
  }

  /** The probabilities of a batch, as predictions are computed. */
  function answers(): () => Tensor {
    model.eval();
    const forward = (images: Tensor): Tensor => noGrad(() => scope(() => softmax(logitsOf(model, images, dtype))));
    const step = what === "replay" ? stack.use(capture(forward)) : forward;
    return () => step(images);
  }

  async function eachRead(body: () => Tensor, steps: number): Promise<number[]> {
    const times: number[] = [];
    for (let i = 0; i < steps; i++) {
      const start = performance.now();
      using result = body();
      await result.data();
      times.push(performance.now() - start);
    }
    return times;
  }

  async function evaluated(steps: number): Promise<number[]> {
    const start = performance.now();
    await evaluate(model, Array.from({ length: steps }, () => ({ images, labels })), { dtype });
    return [(performance.now() - start) / steps];
  }

  const body = what === "evaluate" ? undefined : what === "train" ? training() : answers();
  return {
    parameters,
    threads: device.stats().chunksByThread.length,
    run: (steps) => body === undefined ? evaluated(steps) : eachRead(body, steps),
    [Symbol.dispose]: () => stack.dispose(),
  };
}
