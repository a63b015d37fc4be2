/** The net under tensors that were never disposed: V8 cannot see native memory, so this is no plan. */
import type { Handle } from "../ffi/call.ts";
import { releaseTensor } from "../ffi/native.ts";
import type { Device } from "./device.ts";

/** What is left of a tensor that was collected. */
interface Forgotten {
  device: Device;
  handle: Handle;
  kind: string;
  dtype: string;
  shape: readonly number[];
}

let warned = false;

const registry = new FinalizationRegistry<Forgotten>(({ device, handle, kind, dtype, shape }) => {
  if (!device.queue.alive) return;
  releaseTensor(device.handle, handle);
  if (warned) return;
  warned = true;
  console.warn(
    `A ${kind} (${dtype} [${
      shape.join(", ")
    }]) was never disposed, its memory was found by chance: use \`using\`, dispose() or scope()`,
  );
});

/** Frees a tensor's memory once it is collected, with a warning at the first. */
export function watch(tensor: object, rest: Forgotten): void {
  registry.register(tensor, rest, tensor);
}

/** Ends {@linkcode watch}. */
export function unwatch(tensor: object): void {
  registry.unregister(tensor);
}
