import { shown } from "../ffi/shown.ts";
import { Device } from "./device.ts";

/** Steps that may wait on the device while the script prepares the next one. */
const inFlight = 2;

/** Lets due timers, signals and the like have their turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * Keeps a loop from running ahead of its device: `await backpressure.step()` after each step returns once at most two steps are
 * still under way. The event loop turns at each, so timers, signals and servers go on.
 */
export class Backpressure {
  readonly #device: Device;
  readonly #tickets: number[] = [];

  /** For the steps of a loop on a device. */
  constructor(device: Device) {
    if (!(device instanceof Device)) {
      throw new TypeError(`Backpressure(): Expected \`device\` as a Device, got ${shown(device)}`);
    }
    this.#device = device;
  }

  /** Call it once a step is enqueued; rejects with a late error. */
  async step(): Promise<void> {
    this.#tickets.push(this.#device.queue.enqueued());
    if (this.#tickets.length > inFlight) await this.#device.wait(this.#tickets.shift()!);
    // There is nothing to wait for yet, but the first steps are the slowest to enqueue.
    else await turn();
  }

  /** Waits for every step. */
  async drain(): Promise<void> {
    const last = this.#tickets.at(-1);
    this.#tickets.length = 0;
    if (last !== undefined) await this.#device.wait(last);
  }
}
