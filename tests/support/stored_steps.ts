/** Parameters after each of some steps of an optimizer, as PyTorch has them. */
import { fromFileUrl } from "@std/path";
import { readSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { type Device, type optim } from "../../mod.ts";
import { PlainModel } from "./plain_model.ts";

/** A file of `tests/fixtures/training`. */
export class StoredSteps {
  /** What the file says of itself. */
  readonly settings: unknown;
  /** The parameters. */
  readonly names: readonly string[];
  /** The learning rates, one a step. */
  readonly rates: readonly number[];
  readonly #tensors: Awaited<ReturnType<typeof readSafetensors>>["tensors"];

  private constructor({ tensors, metadata }: Awaited<ReturnType<typeof readSafetensors>>) {
    this.#tensors = tensors;
    this.settings = JSON.parse(metadata["settings"]!);
    this.names = [...tensors.keys()].flatMap((key) => /^(\w+)\.initial$/.exec(key)?.[1] ?? []);
    this.rates = [...tensors.get("lr")!.data as Float64Array];
  }

  /** Reads a file by its name. */
  static async read(name: string): Promise<StoredSteps> {
    const url = new URL(`../fixtures/training/${name}.safetensors`, import.meta.url);
    return new StoredSteps(await readSafetensors(fromFileUrl(url)));
  }

  /** The values of a parameter after a step, by what they were computed with. */
  after(name: string, kind: string, step: number): Float64Array {
    const data = this.#tensors.get(`${name}.${kind}`)!.data as Float64Array;
    const size = data.length / this.rates.length;
    return data.subarray(step * size, (step + 1) * size);
  }

  /** A model with the initial values. */
  model(options: { dtype: "f32" | "f64"; device: Device }): PlainModel {
    const initial = this.names.map((name) => {
      const { data, shape } = this.#tensors.get(`${name}.initial`)!;
      return [name, { values: data as Float32Array, shape }] as const;
    });
    return new PlainModel(Object.fromEntries(initial), options);
  }

  /** Trains a model on the stored gradients; gives its parameters after each step. */
  async train(model: PlainModel, optimizer: optim.BoundOptimizer): Promise<Map<string, number[]>[]> {
    const after: Map<string, number[]>[] = [];
    for (const [step, lr] of this.rates.entries()) {
      optimizer.lr = lr;
      for (const name of this.names) model.setGrad(name, this.after(name, "grads", step));
      optimizer.step();
      const values = new Map<string, number[]>();
      for (const name of this.names) values.set(name, await model.read(name));
      after.push(values);
    }
    return after;
  }
}

/** The largest distance between two lists of numbers. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < b.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** A step of float32 at the largest value: PyTorch's own distance may be 0. */
export function float32Step(values: ArrayLike<number>): number {
  return 2 ** (Math.floor(Math.log2(Math.max(...Array.from(values, Math.abs), 2 ** -20))) - 23);
}
