/** A Worker with a device of its own: answers {id, values} or {id, error} to what it is asked. */
import { capture, Device, full, scope, type Tensor, tensor } from "../../mod.ts";
import { callOp } from "../../lib/ffi/call.ts";
import { releaseTensor } from "../../lib/ffi/native.ts";

/** What the worker is asked to do. */
export type WorkerTask =
  /** Multiply [1, 2, 3] by each of 0..rounds and answer the sum. */
  | { readonly id: number; readonly kind: "compute"; readonly rounds: number }
  /** Open another device, compute with tensors of so many MiB, record a step, and leave all of it open. */
  | { readonly id: number; readonly kind: "hold"; readonly mib: number }
  /** Enqueue products that take seconds, and wait for them. */
  | { readonly id: number; readonly kind: "toil"; readonly rounds: number }
  /** Use a tensor's handle of another thread. */
  | { readonly id: number; readonly kind: "foreign"; readonly handle: { slot: number; generation: number } }
  /** Release it. */
  | { readonly id: number; readonly kind: "release"; readonly handle: { slot: number; generation: number } };

/** What it answers. */
export interface WorkerAnswer {
  readonly id: number;
  readonly values?: number[];
  readonly error?: { readonly name: string; readonly message: string };
}

const scopeOf = self as unknown as {
  onmessage: ((event: MessageEvent<WorkerTask>) => void) | null;
  postMessage(answer: WorkerAnswer): void;
};

const device = new Device("cpu", { threads: 1 });

async function compute(rounds: number): Promise<number[]> {
  using sum = tensor([0, 0, 0], undefined, { device });
  using x = tensor([1, 2, 3], undefined, { device });
  for (let i = 0; i < rounds; i++) scope(() => sum.assign(sum.add(x.mul(i))));
  const values = Array.from(await sum.data());
  return [...values, device.stats().handles];
}

/** What a script leaves open when it ends without a word. */
const held: unknown[] = [];

async function hold(mib: number): Promise<number[]> {
  const other = new Device("cpu", { threads: 2 });
  const weight = full([512, 512], 0.5, { device: other });
  const step = capture((x: Tensor) => x.matmul(weight).sum());
  const input = full([512, 512], 1, { device: other });
  const large = full([mib, 1 << 18], 1, { device: other });
  const doubled = large.mul(2);
  const rows = doubled.sum([1]);
  const sum = rows.sum();
  // The first call runs, the second is recorded, the third replays.
  const sums = [step(input), step(input), step(input)];
  held.push(other, step, weight, input, large, doubled, rows, sum, sums);
  return [await sum.item(), await sums[2]!.item(), other.stats().handles];
}

async function toil(rounds: number): Promise<number[]> {
  const x = full([1024, 1024], 0, { device });
  for (let i = 0; i < rounds; i++) scope(() => x.assign(x.matmul(x)));
  return [await x.sum().item()];
}

async function answer(task: WorkerTask): Promise<number[]> {
  switch (task.kind) {
    case "compute":
      return await compute(task.rounds);
    case "hold":
      return await hold(task.mib);
    case "toil":
      return await toil(task.rounds);
    case "foreign":
      callOp(device.handle, "relu", [task.handle], {});
      return [];
    case "release":
      releaseTensor(device.handle, task.handle);
      return [];
  }
}

scopeOf.onmessage = async ({ data: task }): Promise<void> => {
  try {
    scopeOf.postMessage({ id: task.id, values: await answer(task) });
  } catch (error) {
    const { name, message } = error as Error;
    scopeOf.postMessage({ id: task.id, error: { name, message } });
  }
};
