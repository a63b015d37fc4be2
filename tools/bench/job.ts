/** `deno task bench job`: a training as a job under a server, beside the same by `deno task train`. */
import { join } from "@std/path";
import type { Command } from "../../lib/cli/command.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { median, outputOf } from "../../benchmarks/support.ts";
import { jobResult, serving } from "../torture/server.ts";
import { alternate, rounded } from "./figures.ts";
import { handOver, outFlag, requireOut, threadsOf, wordsOf } from "./options.ts";
import { originOf } from "./origin.ts";
import { folder, photographs, requireArchive, type Served, servedFlags } from "./served.ts";
import { type Column, shownNumber, shownRatio, tableLines } from "./table.ts";

/** Photographs of each class to train with: 20 steps of 32. */
const perClass = 64;

/** A training that was measured in rounds. */
export interface JobRow {
  readonly what: Served;
  readonly dtype: string;
  readonly who: "train" | "job";
  /** Images a second of its steps, the median of the rounds. */
  readonly img_per_s: number;
  readonly rounds: readonly number[];
}

/** The job's images a second over those of `deno task train`. */
export function jobRatios(rows: readonly JobRow[]): { what: Served; dtype: string; job: number }[] {
  return rows.filter(({ who }) => who === "job").map(({ what, dtype, img_per_s }) => {
    const train = rows.find((row) => row.who === "train" && row.what === what && row.dtype === dtype)!;
    return { what, dtype, job: rounded(img_per_s / train.img_per_s, 3) };
  });
}

/** The tables on screen. */
export function jobLines(rows: readonly JobRow[]): string[] {
  const columns: Column<JobRow>[] = [
    { head: "model", right: false, text: ({ what, dtype }) => `${what} ${dtype}` },
    { head: "by", right: false, text: ({ who }) => who === "train" ? "deno task train" : "a job of deno task serve" },
    { head: "img/s", text: ({ img_per_s }) => shownNumber(img_per_s) },
  ];
  return [
    ...tableLines(columns, rows),
    ...jobRatios(rows).map(({ what, dtype, job }) => `${what} ${dtype}: the job at ${shownRatio(job)} of the command`),
  ];
}

/** The same training by either way, each time anew. */
async function measured(
  what: Served,
  dtype: string,
  { url, photos, threads, rounds, signal, note }: {
    url: string;
    photos: string;
    threads: number;
    rounds: number;
    signal: AbortSignal;
    note(line: string): void;
  },
): Promise<JobRow[]> {
  const preset = what === "mnist" ? "mnist" : "imagenette-128-5";
  const out = join(folder, "runs");
  await Deno.remove(out, { recursive: true }).catch(() => {});
  const command = async (): Promise<number> => {
    const data = what === "mnist" ? [] : ["--data", photos];
    const args = ["--preset", preset, "--epochs", "1", "--dtype", dtype, "--threads", `${threads}`, ...data];
    const said = await outputOf(
      Deno.execPath(),
      ["run", "-q", "--no-prompt", "-P=train", "tasks/main.ts", "train", ...args, "--out", out, "--json"],
      { signal },
    );
    return Number(JSON.parse(said).imagesPerSecond);
  };
  const job = async (at: number): Promise<number> => {
    const data = what === "mnist" ? {} : { data: { name: photos } };
    const result = await jobResult(url, {
      name: `${what}-${dtype}-${at}`,
      preset,
      recipe: { epochs: 1, dtype, ...data },
    });
    return Number(result["imagesPerSecond"]);
  };
  const found = await alternate(["train", "job"] as const, rounds, async (who, at) => {
    const speed = await (who === "train" ? command() : job(at));
    note(`round ${at + 1}: ${what} ${dtype}, ${who}: ${rounded(speed)} img/s`);
    return rounded(speed);
  });
  return [...found].map(([who, rounds]) => ({ what, dtype, who, img_per_s: median(rounds), rounds }));
}

const flags = {
  ...servedFlags,
  out: outFlag("Write the rows to this file"),
} as const;

/** The command line of `deno task bench job`. */
export const jobCommand: Command<typeof flags> = {
  name: "deno task bench job",
  about: "Measures an epoch as a job of `deno task serve`, its events followed, beside the same by `deno task train`.",
  examples: ["deno task bench job --out benchmarks/results/job.json"],
  flags,
  async run({ flags, report, signal }): Promise<number> {
    const { rounds, out, data: archive } = flags;
    const models = wordsOf("models", flags.models, ["imagenette", "mnist"]);
    const dtypes = wordsOf("dtypes", flags.dtypes, ["f32", "bf16"]);
    const threads = threadsOf(flags.threads);
    requireOut(out);
    const photos = join(folder, "training");
    if (models.includes("imagenette")) {
      await requireArchive(archive);
      await photographs(archive, photos, perClass);
    }
    await Deno.mkdir(photos, { recursive: true });
    const state = join(folder, "jobs");
    await Deno.remove(state, { recursive: true }).catch(() => {});
    const server = await serving(state, { args: ["--data-root", photos, "--threads", `${threads}`] });
    const rows: JobRow[] = [];
    try {
      for (const what of models) {
        for (const dtype of dtypes) {
          const note = (line: string): void => report.note(line);
          rows.push(...await measured(what, dtype, { url: server.url, photos, threads, rounds, signal, note }));
        }
      }
    } finally {
      await server.end("SIGTERM");
    }
    for (const line of jobLines(rows)) report.line(line);
    const facts = { what: "an epoch by a job of a server, and by deno task train", ...await originOf() };
    await handOver({ ...facts, threads, rows, ratios: jobRatios(rows) }, { report, out });
    return exitCodes.done;
  },
};
