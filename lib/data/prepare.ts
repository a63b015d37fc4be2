/** From image files to pixel caches, on threads of the library. */
import { DataError } from "../ffi/errors.ts";
import {
  cancelImageJob,
  type ImageJobOptions,
  pollImageJob,
  type PrepareProgress,
  releaseImageJob,
  startImageJob,
} from "../ffi/image.ts";

/** Between two looks at how far a job is, milliseconds. */
const pollMs = 20;

/** How to read a folder or an archive. */
export interface ReadOptions {
  /** Where the pixel caches are kept; by default `.cache/data`. */
  cache?: string;
  /** Whether a single image that cannot be read is an error; by default false. */
  strict?: boolean;
  /** The largest share of images that may not be readable, 0 to 1; by default 0.01. They are left out. */
  maxUnreadable?: number;
  /** Threads that decode; by default one a core. */
  threads?: number;
  /** Bytes of an archive once decompressed, at most; by default 64 GiB. */
  maxBytes?: number;
  /** Ends it early: nothing half-written stays. */
  signal?: AbortSignal;
  /** Told of images that are left out because they cannot be read; by default the console warns. */
  onWarning?(line: string): void;
  /** Told how far it is, some times a second. */
  onProgress?(state: PrepareProgress): void;
}

/** Sizes of the two parts: pixels of the shorter side, 0 for that of the files, null to leave a part out. */
export type Sizes = Pick<ImageJobOptions, "trainSize" | "validSize">;

/** One cache file. */
export interface PreparedFile {
  readonly split: "train" | "val";
  /** Pixels of the shorter side; 0 for that of the files. */
  readonly size: number;
  readonly path: string;
  /** Whether it was there already. */
  readonly reused: boolean;
  readonly images: number;
  readonly unreadable: number;
  readonly bytes: number;
}

/** What a folder or an archive came to. */
export interface Prepared {
  readonly source: {
    readonly kind: "archive" | "folder";
    readonly bytes: number;
    /** SHA-256 of the archive; for a folder, of the list of its files. */
    readonly key: string;
  };
  readonly files: readonly PreparedFile[];
  /** Other files that were met. */
  readonly ignored: number;
  readonly seconds: number;
}

/** Where pixel caches and downloaded archives are kept unless told otherwise. */
export const defaultCache = ".cache/data";

/** Decodes what is not in the cache yet. */
export async function prepare(source: string, sizes: Sizes, options: ReadOptions = {}): Promise<Prepared> {
  const { cache = defaultCache, strict = false, maxUnreadable = 0.01, threads = 0, maxBytes = 2 ** 36 } = options;
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  // The library has the rights of the whole process: these two ask for what it is about to do.
  await Deno.stat(source);
  await Deno.mkdir(cache, { recursive: true });
  // A signal that came meanwhile tells no listener any more.
  signal?.throwIfAborted();
  const job = startImageJob({
    source,
    folder: cache,
    ...sizes,
    strict,
    maxUnreadable,
    threads,
    maxBytes,
    maxEntries: 10_000_000,
  });
  const cancel = (): void => cancelImageJob(job);
  signal?.addEventListener("abort", cancel);
  try {
    while (true) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      const { state, progress: at, result, error } = pollImageJob(job);
      if (state === "done") return JSON.parse(result);
      if (state === "failed") throw error;
      if (state === "cancelled") throw signal?.reason ?? new DataError("Preparing the data set was cancelled");
      onProgress?.(at);
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
    releaseImageJob(job);
  }
}
