/** Pixel caches: their tensors, their headers, and the check of their pixels. */
import { DataError, OutOfMemoryError } from "../ffi/errors.ts";
import type { Handle } from "../ffi/call.ts";
import { openImageCache, pollImageJob, releaseImageJob } from "../ffi/image.ts";
import { shown } from "../io/shown.ts";
import type { Device } from "../tensor/device.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { hostDevice } from "./epoch_source.ts";
import type { OpenOptions } from "./open.ts";
import type { LeftOut, PreparedFile } from "./prepare.ts";

/** An image that cannot be read, or could although its file is damaged. */
export interface UnreadableImage {
  /** Below the data set's folder. */
  readonly path: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** What a cache file's header says that is of use here. */
export interface CacheHeader {
  /** Names of the class folders; a label is a place in this list. */
  readonly classes: readonly string[];
  /** The file of each image, below the data set's folder. */
  readonly paths: readonly string[];
  readonly unreadable: readonly UnreadableImage[];
  /** Images that could be read although their files are damaged. */
  readonly damaged: readonly UnreadableImage[];
  /** Images of each class. */
  readonly counts: readonly number[];
  /** What was left out of the data set. */
  readonly leftOut: readonly LeftOut[];
  /** SHA-256 over paths and bytes of all images. */
  readonly contents: string;
  /** Smallest, median and largest height of the files' own images. */
  readonly heights: readonly number[];
  /** The same of their widths. */
  readonly widths: readonly number[];
}

/** Between two looks at a check that is waited for, milliseconds. */
const pollMs = 2;

/** The check of a cache's pixels, which runs in the background; the file is watched until it is disposed. */
export class CacheCheck implements Disposable {
  readonly #job: Handle;
  #disposed = false;

  /** Takes the job over. */
  constructor(job: Handle) {
    this.#job = job;
  }

  /** Throws a DataError where the file is known to be damaged; gives whether all of it was read. */
  look(): boolean {
    if (this.#disposed) return true;
    const { state, error } = pollImageJob(this.#job);
    if (state === "failed") throw error instanceof DataError ? new DataError(error.reason) : error;
    return state !== "running";
  }

  /** Waits until all of it was read. */
  async done(): Promise<void> {
    while (!this.look()) await new Promise((resolve) => setTimeout(resolve, pollMs));
  }

  /** Ends it. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    releaseImageJob(this.#job);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A cache file as tensors. */
export interface Mapped {
  readonly pixels: Tensor;
  readonly table: Tensor;
  readonly labels: Tensor;
  readonly check: CacheCheck;
  readonly header: CacheHeader;
}

/** Maps a cache file, or copies it to the device, and reads its header; tensors and check belong to the caller. */
async function mapCache(path: string, device: Device, reserve?: number): Promise<Mapped> {
  const { check: job, ...raw } = openImageCache(device.handle, path, reserve);
  const own = (part: keyof typeof raw): Tensor =>
    scope(() => new Tensor(device, raw[part])).detachFromScope().heldAs("dataSet");
  using header = own("header");
  const parts = {
    pixels: own("pixels"),
    table: own("table"),
    labels: own("labels"),
    check: new CacheCheck(job),
  };
  using held = new DisposableStack();
  for (const part of Object.values(parts)) held.use(part);
  const mapped = { ...parts, header: parseHeader(path, await header.data() as Uint8Array) };
  held.move();
  return mapped;
}

function parseHeader(path: string, bytes: Uint8Array): CacheHeader {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new DataError(`Cannot read the header of the pixel cache "${shown(path)}": remove it, and it is made again`, {
      cause: error,
    });
  }
}

/** The header of a cache file, once its pixels were checked. */
export async function readHeader(path: string, device: Device): Promise<CacheHeader> {
  const { header, pixels, table, labels, check } = await mapCache(path, device);
  using held = new DisposableStack();
  for (const part of [pixels, table, labels, check]) held.use(part);
  await check.done();
  return header;
}

/** A cache file on the device, or where that has no room for it on the host. */
export async function mapOrHost(
  { path, split, bytes }: PreparedFile,
  device: Device,
  { reserve, onWarning = console.warn }: Pick<OpenOptions, "reserve" | "onWarning">,
): Promise<Mapped> {
  try {
    return await mapCache(path, device, reserve);
  } catch (error) {
    if (!(error instanceof OutOfMemoryError) || device.kind === "cpu") throw error;
    const size = bytes.toLocaleString("en-US");
    onWarning(
      `${size} bytes of ${split} images do not fit into the GPU's memory beside a training: the host makes the batches`,
    );
    return await mapCache(path, hostDevice());
  }
}
