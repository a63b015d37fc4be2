/** Typed forms of the library's functions about sets of images. */
import { type Handle, out, type RawTensor, readResult, u64At } from "./call.ts";
import { errorOf } from "./errors.ts";
import { symbols } from "./library.ts";
import { check, textAt } from "./out.ts";

/** What a job is to prepare. */
export interface ImageJobOptions {
  /** A folder or an archive. */
  readonly source: string;
  /** Where the cache files go. */
  readonly folder: string;
  /** Short side of the training images, pixels; 0 for the size they have, null to leave them out. */
  readonly trainSize: number | null;
  /** The same of the validation images. */
  readonly validSize: number | null;
  /** The same of the test images. */
  readonly testSize: number | null;
  /** Share of the images to validate with, where there is no folder for them; null for none. */
  readonly split: number | null;
  /** Whether images of a class may lie in folders of its folder. */
  readonly nested: boolean;
  /** Whether a single image that cannot be read, or is damaged, is an error. */
  readonly strict: boolean;
  /** The largest share of images that cannot be read, 0 to 1, or how many. */
  readonly maxUnreadable: { readonly share: number } | { readonly count: number };
  /** Threads that decode; 0 for one a core. */
  readonly threads: number;
  /** Bytes of an archive once decompressed, at most. */
  readonly maxBytes: number;
  /** Entries of an archive, at most. */
  readonly maxEntries: number;
}

const states = ["running", "done", "failed", "cancelled"] as const;
const phases = ["looking", "decoding", "writing"] as const satisfies readonly PrepareProgress["phase"][];

/** How far reading a folder or an archive of images is. */
export interface PrepareProgress {
  /** Looking for what is there, decoding it, or writing the last of it. */
  readonly phase: "looking" | "decoding" | "writing";
  /** Bytes of the source read in this phase. */
  readonly bytes: number;
  /** Bytes of the source. */
  readonly expectedBytes: number;
  /** Files and folders seen. */
  readonly entries: number;
  /** Images decoded. */
  readonly decoded: number;
  /** Images that cannot be read. */
  readonly unreadable: number;
  /** Bytes of pixels written. */
  readonly written: number;
}

/** A job's state, with its result or its error. */
export interface ImageJobState {
  readonly state: (typeof states)[number];
  readonly progress: PrepareProgress;
  /** Once it is done: JSON. */
  readonly result: string;
  /** Once it has failed. */
  readonly error: Error | null;
}

/** Starts to prepare a data set. */
export function startImageJob(options: ImageJobOptions): Handle {
  const [source, folder] = [options.source, options.folder].map((path) => new TextEncoder().encode(path));
  const { trainSize, validSize, testSize, split, nested, strict, maxUnreadable, ...most } = options;
  const sizes = [trainSize, validSize, testSize].map((size) => size ?? -1);
  const unreadable = "count" in maxUnreadable ? [1, maxUnreadable.count] : [maxUnreadable.share, -1];
  const layout = [split ?? 0, nested ? 1 : 0, strict ? 1 : 0];
  const values = new Float64Array([...sizes, ...layout, ...unreadable, most.threads, most.maxBytes, most.maxEntries]);
  check(
    symbols().lt_image_job_start(
      source!,
      source!.byteLength,
      folder!,
      folder!.byteLength,
      values,
      values.byteLength,
      out,
      out.byteLength,
    ),
    out,
  );
  return { slot: out[0]!, generation: out[1]! };
}

/** How far a job is. */
export function pollImageJob(job: Handle): ImageJobState {
  check(symbols().lt_image_job_poll(job.slot, job.generation, out, out.byteLength), out);
  const state = states[out[0]!]!;
  const progress = {
    phase: phases[out[1]!]!,
    bytes: u64At(3),
    expectedBytes: u64At(5),
    entries: u64At(7),
    decoded: u64At(9),
    unreadable: u64At(11),
    written: u64At(13),
  };
  const text = textAt(out, 15);
  return {
    state,
    progress,
    result: state === "done" ? text : "",
    error: state === "failed" ? errorOf({ status: out[2]!, reason: text }) : null,
  };
}

/** Asks a job to end soon. */
export function cancelImageJob(job: Handle): void {
  check(symbols().lt_image_job_cancel(job.slot, job.generation, out, out.byteLength), out);
}

/** Lets go of a job, which is cancelled where it still runs. */
export function releaseImageJob(job: Handle): void {
  check(symbols().lt_image_job_release(job.slot, job.generation, out, out.byteLength), out);
}

/** The tensors of a pixel cache, and the job that checks it. */
export interface RawImageCache {
  /** u8 [pages, 4096] */
  readonly pixels: RawTensor;
  /** i32 [images, 4]: offset (upper half, lower half), height, width. */
  readonly table: RawTensor;
  /** i32 [images] */
  readonly labels: RawTensor;
  /** u8 [bytes]: JSON. */
  readonly header: RawTensor;
  /** Checks the pixels in the background and watches the file: it fails once that is not what was written. */
  readonly check: Handle;
}

/** What `reserve` is for the usual. */
const USUAL = 0xffffffff;

/**
 * Maps a pixel cache, or copies it to a device with memory of its own; an OutOfMemoryError where it does not leave
 * `reserve` MiB free there, by default the larger of 2 GiB and a quarter.
 */
export function openImageCache(queue: Handle, path: string, reserve: number = USUAL): RawImageCache {
  const bytes = new TextEncoder().encode(path);
  const { slot, generation } = queue;
  check(
    symbols().lt_image_cache_open(slot, generation, bytes, bytes.byteLength, reserve, out, out.byteLength),
    out,
  );
  const [pixels, table, labels, header] = readResult().outputs;
  const words = [pixels, table, labels, header].reduce((sum, part) => sum + 4 + part!.shape.length, 3);
  const job = { slot: out[words]!, generation: out[words + 1]! };
  return { pixels: pixels!, table: table!, labels: labels!, header: header!, check: job };
}
