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
import { unreadableLimit } from "./checks.ts";

/** Between two looks at how far a job is, milliseconds. */
const pollMs = 20;

/** How to read a folder or an archive. */
export interface ReadOptions {
  /** Where the pixel caches are kept; by default `.cache/data`. */
  cache?: string;
  /** Whether a single image that cannot be read, or whose file is damaged, is an error; by default false. */
  strict?: boolean;
  /**
   * How many images of a part may not be readable: a share from 0 to 1, or a text with a number or a percentage, say "10" or
   * "2%"; by default 0.01. They are left out.
   */
  maxUnreadable?: number | string;
  /**
   * Share of the images that is set aside for validation, above 0 to below 1, where there is no folder for them. Which ones
   * follows from their paths alone, so that they stay there when others are added.
   */
  split?: number;
  /** Whether images of a class may lie in folders of its folder; by default false: those are left out. */
  nested?: boolean;
  /** Threads that decode; by default one a core. */
  threads?: number;
  /** Bytes of an archive once decompressed, at most; by default 64 GiB. */
  maxBytes?: number;
  /** Ends it early: nothing half-written stays. */
  signal?: AbortSignal;
  /** Told of files that are left out, and of images that are damaged or in both parts; by default the console warns. */
  onWarning?(line: string): void;
  /** Told of files beside the data set that are left out, and why a download tries again; by default nobody is. */
  onNote?(line: string): void;
  /** Told how far it is, some times a second. */
  onProgress?(state: PrepareProgress): void;
}

/** Sizes of the two parts: pixels of the shorter side, 0 for that of the files, null to leave a part out. */
export type Sizes = Partial<Pick<ImageJobOptions, "trainSize" | "validSize" | "testSize">>;

/** One cache file. */
export interface PreparedFile {
  readonly split: "train" | "val" | "test";
  /** Pixels of the shorter side; 0 for that of the files. */
  readonly size: number;
  readonly path: string;
  /** Whether it was there already. */
  readonly reused: boolean;
  readonly images: number;
  readonly unreadable: number;
  /** Images that could be read although their files are damaged. */
  readonly damaged: number;
  /** Images whose file is the same as another's of the part. */
  readonly repeated: number;
  readonly bytes: number;
}

/** Why something is left out. */
export type LeftOutReason =
  | "ending"
  | "depth"
  | "outside"
  | "hidden"
  | "link"
  | "special"
  | "unreadable"
  | "replaced";

/** A file or folder that is no part of the data set. */
export interface LeftOut {
  /** Below what was given; a folder ends with `/`. */
  readonly path: string;
  /**
   * `ending`: not called as an image; `depth`: not directly in a class folder; `outside`: beside the parts; `hidden`; `link`:
   * leads nowhere, in a circle, or out of an archive; `special`: no regular file; `unreadable`: the system does not let it be
   * looked at; `replaced`: its name comes again later in the archive.
   */
  readonly reason: LeftOutReason;
}

/** What a folder or an archive came to. */
export interface Prepared {
  readonly source: {
    readonly kind: "archive" | "folder";
    readonly bytes: number;
    /** SHA-256 of the archive; for a folder, of the list of its images. */
    readonly key: string;
  };
  readonly files: readonly PreparedFile[];
  /** What was met beside; null where the cache files' headers say it. */
  readonly leftOut: readonly LeftOut[] | null;
  /** Images in both parts: the row of each in val, and of the first like it in train. */
  readonly shared: readonly (readonly [val: number, train: number])[];
  readonly seconds: number;
}

/** Where pixel caches and downloaded archives are kept unless told otherwise. */
export const defaultCache = ".cache/data";

/** Decodes what is not in the cache yet. */
export async function prepare(source: string, sizes: Sizes, options: ReadOptions = {}): Promise<Prepared> {
  const { cache = defaultCache, strict = false, maxUnreadable = 0.01, threads = 0, maxBytes = 2 ** 36 } = options;
  const { split = null, nested = false } = options;
  const { trainSize = null, validSize = null, testSize = null } = sizes;
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
    trainSize,
    validSize,
    testSize,
    split,
    nested,
    strict,
    maxUnreadable: unreadableLimit("prepare", maxUnreadable),
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
