/** A Worker with a device of its own: answers {id, values} or {id, error} to what it is asked. */
import { Device, scope, tensor } from "../../mod.ts";
import { callOp } from "../../lib/ffi/call.ts";
import { releaseTensor } from "../../lib/ffi/native.ts";

/** What the worker is asked to do. */
export type WorkerTask =
  /** Multiply [1, 2, 3] by each of 0..rounds and answer the sum. */
  | { readonly id: number; readonly kind: "compute"; readonly rounds: number }
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

async function answer(task: WorkerTask): Promise<number[]> {
  switch (task.kind) {
    case "compute":
      return await compute(task.rounds);
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
