import type { Picked, Suite, TestFiles } from "./test_files.ts";

/** What one process tests. */
export interface Job {
  readonly suite: Suite;
  /** Said above its output. */
  readonly title: string;
  /** Of TypeScript, the files to run; cargo knows its own. */
  readonly files: readonly string[];
  /** Part of the tests' names. */
  readonly filter?: string;
  /** Runs the examples of modules and texts. */
  readonly docs?: boolean;
  /** Measures time, so nothing else may run beside it. */
  readonly alone?: boolean;
}

/** Files whose tests measure how long something takes. */
const measuring: readonly string[] = [
  "tests/lib/train/event_loop_test.ts",
  "tests/tasks/data_test.ts",
  "tests/tasks/train_test.ts",
];

/** A process for each file here, as they take longest, begun first and in this order. */
const longest: readonly string[] = [];

/** Tests of TypeScript are run a folder at a time: a process for each file would spend its time on starting. */
function group(path: string): string {
  if (longest.includes(path)) return path;
  return path.split("/").slice(0, path.startsWith("tests/lib/") ? 3 : 2).join("/");
}

function deno(suite: Suite, paths: readonly string[], rest: Partial<Job> = {}): Job[] {
  const groups = Map.groupBy(paths, (path) => measuring.includes(path) ? "measuring time" : group(path));
  return [...groups].map(([title, files]) => ({
    suite,
    title,
    files,
    ...(title === "measuring time" ? { alone: true } : {}),
    ...rest,
  }));
}

/** Where a job stands among those that begin first; the others keep their order behind them. */
function rank({ suite, title }: Job): number {
  // Cargo compiles the crate for its tests, which takes as long as any of them.
  if (suite === "rust") return -1;
  const place = longest.indexOf(title);
  return place < 0 ? longest.length : place;
}

function jobsOf(files: TestFiles, only: Suite | undefined, filter?: string): Job[] {
  const wanted = (suite: Suite): boolean => only === undefined || only === suite;
  const named = filter === undefined ? {} : { filter };
  const docs: Job = { suite: "typescript", title: "examples in docs", files: files.docs, docs: true, ...named };
  return [
    ...(wanted("rust") && files.rust.length > 0
      ? [{ suite: "rust", title: "cargo test", files: [], ...named }] as Job[]
      : []),
    ...(wanted("emulated") ? deno("emulated", files.emulated, named) : []),
    ...(wanted("typescript") ? deno("typescript", files.typescript, named) : []),
    ...(wanted("typescript") && files.docs.length > 0 ? [docs] : []),
  ];
}

/** The jobs of all tests, those that should begin first at the front. */
export function allJobs(files: TestFiles, only?: Suite): Job[] {
  return jobsOf(files, only).sort((a, b) => rank(a) - rank(b));
}

/** The jobs of what a word picks: one process for each suite and way of picking, as there is little to run. */
export function pickedJobs({ whole, named }: Picked, word: string, only?: Suite): Job[] {
  return [...jobsOf(named, only, word), ...jobsOf(whole, only)];
}
