/** Work on a device that is under way when its isolate ends. */
import { Device, full, scope } from "../../../mod.ts";

/** Enqueues products that take a while, and waits for them. */
export function toil(): void {
  const device = new Device("cpu", { threads: 2 });
  const x = full([512, 512], 0, { device });
  for (let at = 0; at < 100; at++) scope(() => x.assign(x.matmul(x)));
  device.synchronize().catch(() => {});
}

/** A Worker's own global; a module that is imported has none of its kind. */
const own = self as unknown as { postMessage?(message: string): void; readonly name?: string };

if (typeof (globalThis as { WorkerGlobalScope?: unknown }).WorkerGlobalScope !== "undefined") {
  toil();
  own.postMessage?.("begun");
}
