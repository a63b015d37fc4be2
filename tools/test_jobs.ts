import type { Picked, Suite, TestFiles } from "./test_files.ts";

/** What one process tests. */
export interface Job {
  readonly suite: Suite;
  /** Said above its output. */
  readonly title: string;
  /** What to run; of Rust, why cargo is asked, as it knows its own. */
  readonly files: readonly string[];
  /** Part of the tests' names. */
  readonly filter?: string;
  /** Runs the examples of modules and texts. */
  readonly docs?: boolean;
  /** Measures time, so nothing else may run beside it. */
  readonly alone?: boolean;
}

const MEASURING = "measuring time", EXAMPLES = "examples in docs";

/** Files whose tests measure how long something takes. */
export const measuring: readonly string[] = [
  "tests/lib/train/event_loop_test.ts",
  "tests/tasks/data_test.ts",
  "tests/tasks/train_test.ts",
];

/** What begins before the rest, as it takes longest, in this order: files that get a process of their own, and folders. */
export const longest: readonly string[] = [
  "tests/tasks/imagenette_test.ts",
  "tests/emulated/gpu_check_test.ts",
  "tests/tasks",
  "tests/emulated",
  "tests/lib/models",
];

/** Where tests of TypeScript run: a folder at a time, as a process for each file would spend its time on starting. */
function group(path: string): string {
  if (measuring.includes(path)) return MEASURING;
  if (longest.includes(path)) return path;
  return path.split("/").slice(0, path.startsWith("tests/lib/") ? 3 : 2).join("/");
}

function grouped(suite: Suite, paths: readonly string[]): Job[] {
  const groups = Map.groupBy(paths, group);
  return [...groups].map(([title, files]) => {
    const job: Job = { suite, title, files };
    return title === MEASURING ? { ...job, alone: true } : job;
  });
}

/** Where a job stands among those that begin first; the others keep their order behind them. */
function rank({ suite, title }: Job): number {
  // Cargo compiles the crate for its tests, which takes as long as any of them.
  if (suite === "rust") return -1;
  const place = longest.indexOf(title);
  return place < 0 ? longest.length : place;
}

/** The jobs of all tests, those that should begin first at the front. */
export function allJobs(files: TestFiles, only?: Suite): Job[] {
  const jobs: Job[] = [
    { suite: "rust", title: "the crate", files: files.rust },
    ...grouped("emulated", files.emulated),
    ...grouped("typescript", files.typescript),
    { suite: "typescript", title: EXAMPLES, files: files.docs, docs: true },
  ];
  return wanted(jobs, only).sort((a, b) => rank(a) - rank(b));
}

/** The jobs of what a word picks: a process for each suite and way of picking, as there is little to run. */
export function pickedJobs({ whole, named }: Picked, word: string, only?: Suite): Job[] {
  const jobs: Job[] = [
    { suite: "rust", title: "the crate", files: named.rust, filter: word },
    { suite: "emulated", title: "tests by name", files: named.emulated, filter: word },
    { suite: "typescript", title: "tests by name", files: named.typescript, filter: word },
    { suite: "emulated", title: "files by path", files: whole.emulated },
    { suite: "typescript", title: "files by path", files: whole.typescript },
    { suite: "typescript", title: EXAMPLES, files: whole.docs, docs: true },
  ];
  return wanted(jobs, only);
}

function wanted(jobs: readonly Job[], only: Suite | undefined): Job[] {
  return jobs.filter(({ suite, files }) => files.length > 0 && (only === undefined || suite === only));
}
