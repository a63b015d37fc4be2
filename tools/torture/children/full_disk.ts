/**
 * What happens on a full disk, in a mount namespace where `disk` is a small tmpfs. Arguments: disk, another folder, part,
 * rounds, seed. Answers what was tried and what was lost.
 */
import { join } from "@std/path";
import { Checkpoints } from "../../../lib/checkpoint/checkpoints.ts";
import { messageOf } from "../../../lib/cli/command.ts";
import { LibtrainError } from "../../../lib/ffi/errors.ts";
import { partialSuffix } from "../../../lib/io/atomic_file.ts";
import { data, recipe } from "../../../mod.ts";
import { runTask } from "../child.ts";
import { filesIn, writeSet } from "../files.ts";
import { Random } from "../random.ts";
import { stateSum } from "../state_sum.ts";
import "./dropout_net.ts";

/** What came of it. */
export interface DiskAnswer {
  readonly tried: number;
  readonly lost: readonly string[];
}

const [disk = "", folder = "", part = "", rounds = "1", seed = "0"] = Deno.args;
const rng = new Random(Number(seed));

/** Takes all the room that is left; what it gives removes that again. */
function fill(): () => void {
  const path = join(disk, "filler");
  const piece = new Uint8Array(4096);
  using file = Deno.openSync(path, { write: true, create: true });
  try {
    while (file.writeSync(piece) > 0);
  } catch (error) {
    if (!(error instanceof Error) || !/No space left/.test(error.message)) throw error;
  }
  return () => Deno.removeSync(path);
}

/** Everything below a folder whose name says that it is half-written. */
function partials(path: string): string[] {
  return [...Deno.readDirSync(path)].flatMap((entry) => {
    const file = join(path, entry.name);
    return entry.isDirectory ? partials(file) : entry.name.endsWith(partialSuffix) ? [file] : [];
  });
}

const STEPS = 12;

const small = recipe.preset("mnist", {
  model: { name: "tortureNet" },
  data: { limit: 96 },
  bs: 16,
  epochs: 2,
  seed: 3,
  device: "cpu",
  threads: 1,
});

/** A training that saves at every step; the disk is full from one step to another. The sum of its last state. */
async function trained(run: string, from: number, to: number): Promise<{ sum: string; warned: boolean }> {
  let free: (() => void) | undefined;
  let warned = false;
  const training = recipe.train(small, { folder: run, saveEvery: 0 });
  for await (const event of training) {
    if (event.type === "warning") warned = true;
    if (event.type !== "batchEnd") continue;
    if (event.step === from) free = fill();
    if (event.step === to) {
      free?.();
      free = undefined;
    }
  }
  await training.result;
  const found = await new Checkpoints(run).load();
  free?.();
  if (found?.damage !== undefined) throw new Error(`the newest checkpoint is damaged: ${found.damage}`);
  return { sum: await stateSum(found!.state), warned };
}

async function runs(): Promise<DiskAnswer> {
  const whole = await trained(join(folder, "whole"), 0, 0);
  const lost: string[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const from = rng.between(1, STEPS - 3);
    const to = rng.between(from + 1, STEPS - 1);
    const run = join(disk, String(round));
    try {
      const { sum, warned } = await trained(run, from, to);
      if (sum !== whole.sum) lost.push(`full from step ${from} to ${to}: the last state is another`);
      else if (!warned) lost.push(`full from step ${from} to ${to}: nothing was said`);
      else if (partials(run).length > 0) lost.push(`full from step ${from} to ${to}: left ${partials(run)}`);
    } catch (error) {
      lost.push(`full from step ${from} to ${to}: ${messageOf(error)}`);
    }
    await Deno.remove(run, { recursive: true });
  }
  return { tried: Number(rounds), lost };
}

/** Writes over both checkpoints in place: the planted bug. */
async function writeOver(run: string): Promise<void> {
  for (const name of ["state", "previous"]) {
    const path = join(run, "checkpoint", `${name}.safetensors`);
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, new Uint8Array([...bytes, ...bytes])).catch(() => {});
  }
}

/** Full from a step to the end: the training ends with a typed error at most, and what was saved before it stays. */
async function fullFrom(run: string, from: number, overwrite: boolean): Promise<void> {
  using held = new DisposableStack();
  const training = recipe.train(small, { folder: run, saveEvery: 0 });
  try {
    for await (const event of training) {
      if (event.type !== "batchEnd" || event.step !== from) continue;
      held.defer(fill());
      if (overwrite) await writeOver(run);
    }
    await training.result;
  } catch (error) {
    if (!(error instanceof LibtrainError)) throw error;
  }
  const found = await new Checkpoints(run).load();
  const step = found?.state.counters.step ?? 0;
  if (step < from - 1) throw new Error(`the checkpoint is of step ${step}`);
}

async function full(overwrite: boolean): Promise<DiskAnswer> {
  const lost: string[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const run = join(disk, `full-${round}`);
    const from = rng.between(2, STEPS - 2);
    try {
      await fullFrom(run, from, overwrite);
    } catch (error) {
      lost.push(`full from step ${from} on: ${messageOf(error)}`);
    }
    await Deno.remove(run, { recursive: true });
  }
  return { tried: Number(rounds), lost };
}

async function caches(): Promise<DiskAnswer> {
  const set = await writeSet(join(folder, "set"), 60);
  const lost: string[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const free = fill();
    // Room for a part of them, or for none.
    Deno.truncateSync(join(disk, "filler"), Deno.statSync(join(disk, "filler")).size - 4096 * rng.below(40));
    const cache = join(disk, "cache");
    try {
      await data.open(set, { size: 32, cache });
      lost.push("the caches were made where there is no room for them");
    } catch (error) {
      if (!(error instanceof LibtrainError)) lost.push(`another error: ${error}`);
      const left = [...(await filesIn(cache)).keys()];
      if (left.some((name) => name.endsWith(partialSuffix))) lost.push(`left behind: ${left}`);
    }
    free();
    using opened = await data.openValid(set, { size: 32, cache });
    if (opened.length !== 12) lost.push(`${opened.length} images once there was room`);
    await Deno.remove(cache, { recursive: true });
  }
  return { tried: Number(rounds), lost };
}

/** Stdout or stderr, or both, on a full disk: they are not the work. */
async function logs(): Promise<DiskAnswer> {
  const free = fill();
  const lost: string[] = [];
  const targets = [`> ${join(disk, "log")}`, `2> ${join(disk, "log")}`, `> ${join(disk, "log")} 2>&1`];
  const full = ["> /dev/full", "2> /dev/full", "> /dev/full 2>&1"];
  const json = ["", "--json"];
  const ways = [...targets, ...full].flatMap((where) => json.map((flag) => ({ where, flag })));
  const chosen = ways.slice(0, Math.max(Number(rounds), 2));
  for (const [at, { where, flag }] of chosen.entries()) {
    const out = join(folder, `log-${at}`);
    const size = ["--limit", "64", "--bs", "32", "--epochs", "1", "--threads", "1", "--out", out];
    const { code, err } = await runTask("train", [...size, ...flag.split(" ").filter(Boolean)], {
      prefix: ["sh", "-c", `exec "$@" ${where}`, "sh"],
    });
    const runs = [...Deno.readDirSync(out)].map(({ name }) => join(out, name));
    const found = runs[0] === undefined ? undefined : await new Checkpoints(runs[0]).load();
    const step = found?.state.counters.step;
    if (code !== 0) lost.push(`train ${flag} ${where}: exit code ${code}, step ${step}: ${err.trim()}`);
    else if (step !== 2) lost.push(`train ${flag} ${where}: step ${step} is saved, expected 2`);
  }
  free();
  return { tried: chosen.length, lost };
}

const parts: Readonly<Record<string, () => Promise<DiskAnswer>>> = {
  runs,
  caches,
  logs,
  full: () => full(false),
  overwrite: () => full(true),
};
console.log(JSON.stringify(await parts[part]!()));
