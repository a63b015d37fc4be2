/** One epoch of a data set, batch by batch. */
import { tensor } from "../tensor/create.ts";
import { Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Transfer } from "../tensor/transfer.ts";

/** Enqueues the images, f32 [n, h, w, c], of the samples whose numbers are in `rows`, i32 [n]. */
export type MakeImages = (rows: Tensor) => Tensor;

/** Gives the images of an epoch, from anywhere in its order on. */
export interface EpochSource {
  /** The numbers of the samples from place `start` up to and without `end` of the order, i32, on the labels' device. */
  rows(start: number, end: number): Tensor;
  /** Their images on that device; both belong to the open scope. */
  images(rows: Tensor, start: number, end: number): Tensor;
  /** Lets go of what it holds. */
  dispose(): void;
}

/** A tensor that no scope owns. */
function hold(values: Int32Array<ArrayBuffer>, device: Device): Tensor {
  return scope(() => tensor(values, undefined, { device })).detachFromScope().claimed();
}

/** A pass whose images are made where the labels are. */
export class DeviceEpochSource implements EpochSource {
  readonly #order: Tensor;
  readonly #make: MakeImages;

  constructor(order: Int32Array<ArrayBuffer>, device: Device, make: MakeImages) {
    this.#order = hold(order, device);
    this.#make = make;
  }

  rows(start: number, end: number): Tensor {
    return this.#order.narrow(start, end - start);
  }

  images(rows: Tensor): Tensor {
    return this.#make(rows);
  }

  dispose(): void {
    this.#order.dispose();
  }
}

let host: Device | undefined;

/** The CPU that makes batches for other devices, with threads of its own; opened at the first use and kept. */
export function hostDevice(): Device {
  host ??= new Device("cpu");
  return host;
}

/** Batches that the host makes ahead of the device. */
const AHEAD = 2;

/** What a pass on the host is made of. */
export interface HostEpochParts {
  readonly order: Int32Array<ArrayBuffer>;
  /** Where the batches go. */
  readonly device: Device;
  /** Enqueues images on the host. */
  readonly make: MakeImages;
  readonly batchSize: number;
  /** Samples of the order that come in batches. */
  readonly samples: number;
}

/**
 * A pass whose images are made on the host, for a device that has no room for the data set. While the device is busy with
 * one batch the host makes the next ones, and they are copied beside the device's work.
 */
export class HostEpochSource implements EpochSource {
  readonly #parts: HostEpochParts;
  readonly #order: Tensor;
  readonly #hostOrder: Tensor;
  /** By the places where their batches start. */
  readonly #begun = new Map<number, Transfer>();

  constructor(parts: HostEpochParts) {
    this.#parts = parts;
    this.#order = hold(parts.order, parts.device);
    this.#hostOrder = hold(parts.order, hostDevice());
  }

  rows(start: number, end: number): Tensor {
    return this.#order.narrow(start, end - start);
  }

  images(_rows: Tensor, start: number, end: number): Tensor {
    const transfer = this.#begun.get(start) ?? this.#begin(start, end);
    this.#begun.delete(start);
    const images = transfer.end();
    const { batchSize, samples } = this.#parts;
    for (let ahead = 0, at = end; ahead < AHEAD && at < samples; ahead++, at += batchSize) {
      if (!this.#begun.has(at)) this.#begun.set(at, this.#begin(at, Math.min(at + batchSize, samples)));
    }
    return images;
  }

  #begin(start: number, end: number): Transfer {
    const { make, device } = this.#parts;
    return noGrad(() => scope(() => new Transfer(make(this.#hostOrder.narrow(start, end - start)), device)));
  }

  dispose(): void {
    for (const transfer of this.#begun.values()) transfer.dispose();
    this.#begun.clear();
    this.#order.dispose();
    this.#hostOrder.dispose();
  }
}
