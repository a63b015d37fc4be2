/** The net under tensors that were never disposed: V8 cannot see native memory, so this is no plan. */
import type { Handle } from "../ffi/call.ts";
import { releaseTensor } from "../ffi/native.ts";
import type { Device } from "./device.ts";

/** What is left of something that was collected. */
export interface Remains {
  device: Device;
  handle: Handle;
  gradient: Handle | null;
  /** The op that made it, which must not lead back to it. */
  node: { release(): void } | null;
  /** What it was, for the warning. */
  kind: string;
  dtype: string;
  shape: readonly number[];
}

let warned = false;

const registry = new FinalizationRegistry<Remains>(({ device, handle, gradient, node, kind, dtype, shape }) => {
  if (!device.queue.alive) return;
  releaseTensor(device.handle, handle);
  if (gradient !== null) releaseTensor(device.handle, gradient);
  node?.release();
  if (warned) return;
  warned = true;
  console.warn(
    `A ${kind} (${dtype} [${
      shape.join(", ")
    }]) was never disposed, its memory was found by chance: use \`using\`, dispose() or scope()`,
  );
});

/** Frees what holds native memory once it is collected, with a warning at the first. */
export function watch(holder: object, remains: Remains): void {
  registry.register(holder, remains, holder);
}

/** Ends {@linkcode watch}. */
export function unwatch(holder: object): void {
  registry.unregister(holder);
}
