/** How long each call takes on its device. */
import type { TimedCall } from "../ffi/queue.ts";
import type { Device } from "./device.ts";

export type { TimedCall, TimedOperand } from "../ffi/queue.ts";

/**
 * Runs something and times every call that it enqueues, on the device itself: on CUDA by events around each, so that a
 * call's time has no wait for JavaScript in it as long as the device has work that was enqueued before.
 */
export async function timedCalls(device: Device, body: () => void): Promise<TimedCall[]> {
  await device.synchronize();
  device.queue.profile(true);
  try {
    body();
    await device.synchronize();
    return device.queue.timed();
  } finally {
    device.queue.profile(false);
  }
}
