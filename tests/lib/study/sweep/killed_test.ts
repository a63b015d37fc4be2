import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { study } from "../../../../mod.ts";
import { killedPlan } from "../../../support/killed_plan.ts";
import { tempFolder } from "../../../temp_folder.ts";

const root = new URL("../../../../", import.meta.url);

function started(folder: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=train", "tests/support/sweep_process.ts", folder, "1"],
    cwd: root,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

interface Line {
  readonly event: string;
  readonly hash?: string;
  readonly by: string;
}

async function journalOf(folder: string): Promise<Line[]> {
  const text = await Deno.readTextFile(join(folder, "journal.jsonl")).catch(() => "");
  return text.split("\n").slice(1).flatMap((line) => {
    try {
      return [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

Deno.test("sweep: what a killed process had is taken at once and goes on, with the bits of a sweep that nobody killed", async () => {
  using temporary = tempFolder();
  const plan = killedPlan();
  const folder = join(temporary.path, "a", "killed");
  const child = started(folder);
  // Until a state is saved within a run.
  let hash: string | undefined;
  while (hash === undefined || !await isThere(join(folder, "cells", hash, "checkpoint", "state.safetensors"))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    hash = (await journalOf(folder)).find(({ event }) => event === "claim")?.hash;
  }
  child.kill("SIGKILL");
  assertEquals((await child.status).signal, "SIGKILL");
  const before = await journalOf(folder);
  assertEquals(before.filter(({ event }) => event === "end"), []);
  // It was writing a line.
  await Deno.writeTextFile(join(folder, "journal.jsonl"), '{"time":"2025-01-3', { append: true });

  const begun: [string, boolean][] = [];
  const result = await study.sweep(plan, {
    folder,
    runs: 1,
    onEvent: (event) => event.type === "begin" && begun.push([event.cell.arm, event.resumed]),
  });
  assertEquals(begun, [["entry", true], ["max", false]]);
  const whole = await study.sweep(plan, { folder: join(temporary.path, "b", "whole"), runs: 1 });
  for (const at of [0, 1]) {
    assertEquals(
      result.arms[at]!.runs[0]!.epochs.map(({ loss, trainLoss }) => [loss, trainLoss]),
      whole.arms[at]!.runs[0]!.epochs.map(({ loss, trainLoss }) => [loss, trainLoss]),
    );
  }
  const lines = await journalOf(folder);
  assertEquals(lines.filter(({ event }) => event === "end").length, 2);
  assertEquals([...Deno.readDirSync(join(temporary.path, "a", ".claims"))], [], "no claim is left");
});

Deno.test("sweep: two processes share the cells, and what one of them had when it was killed the other one trains", async () => {
  using temporary = tempFolder();
  const folder = join(temporary.path, "killed");
  const child = started(folder);
  while (!(await journalOf(folder)).some(({ event }) => event === "claim")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const killed = Promise.withResolvers<void>();
  const notes: string[] = [];
  const own: string[] = [];
  const result = await study.sweep(killedPlan(), {
    folder,
    runs: 1,
    onEvent: (event) => {
      if (event.type === "note") notes.push(event.message);
      if (event.type !== "begin") return;
      own.push(event.cell.arm);
      if (own.length > 1) return;
      // It is at the other cell now.
      child.kill("SIGKILL");
      void child.status.then(() => killed.resolve());
    },
  });
  await killed.promise;
  assertEquals(own.toSorted(), ["entry", "max"]);
  assertEquals(notes, []);
  assertEquals(result.arms.map(({ summary }) => summary?.n), [1, 1]);
  const lines = await journalOf(folder);
  assertEquals(new Set(lines.map(({ by }) => by)).size, 2);
  assert(lines.filter(({ event }) => event === "claim").length === 3, "the killed one's, and two of the other");
});
