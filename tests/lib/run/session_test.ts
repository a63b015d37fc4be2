import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { changedCode, type Session } from "../../../lib/run/session.ts";
import { startingCounters, type State } from "../../../lib/checkpoint/state.ts";
import { RunFolder, type RunRecord } from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";

const clean: Session = { commit: "a", dirty: false, cpu: "CPU", isa: "AVX2", threads: 2, fromStep: 0 };

Deno.test("changedCode: one clean commit alone is unchanged; what is not known is not called clean", () => {
  const of = (...changes: Partial<Session>[]): boolean | null =>
    changedCode(changes.map((change) => ({ ...clean, ...change })));
  assertEquals(of({}, { threads: 1, fromStep: 4 }), false);
  assertEquals([of({ dirty: true }, {}), of({}, { dirty: true }), of({ dirty: true }, { dirty: null })], [
    true,
    true,
    true,
  ]);
  assertEquals(of({}, { commit: "b" }), true);
  assertEquals([of({ dirty: null }, {}), of({ commit: null, dirty: null })], [null, null]);
});

/** Goes on in a run's folder, saves a state after `step` steps, and gives what the result then says. */
async function session(path: string, step: number, record: RunRecord): Promise<Record<string, unknown>> {
  const { folder } = await RunFolder.open(path, record);
  const state: State = { tensors: new Map(), counters: { ...startingCounters, step } };
  await folder.save(state);
  await folder.result({});
  return JSON.parse(await Deno.readTextFile(join(path, "result.json")));
}

Deno.test("RunFolder: the sessions that led to a state are kept with it, and dirty is that of all", async () => {
  using folder = tempFolder();
  const { fromStep: _, ...now } = clean;
  const { path } = await RunFolder.create({ root: folder.path, name: "a", config: {}, session: now });
  assertEquals(await session(path, 5, { config: {}, facts: now, session: { ...now, dirty: true } }), {
    ...now,
    dirty: true,
    sessions: [{ ...clean, dirty: true }],
  });
  // One that ends before it has saved anything is no part of the run.
  await RunFolder.open(path, { config: {}, session: { ...now, cpu: "another" } });
  const { dirty, sessions } = await session(path, 9, { config: {}, facts: now, session: now });
  assertEquals([dirty, sessions], [true, [{ ...clean, dirty: true }, { ...clean, fromStep: 5 }]]);
});

Deno.test("RunFolder: of a state that was saved without sessions nothing is known", async () => {
  using folder = tempFolder();
  const { fromStep: _, ...now } = clean;
  const config = { commit: "a", isa: "AVX2" };
  const { path } = await RunFolder.create({ root: folder.path, name: "a", config });
  assertEquals(await session(path, 5, { config }), {});
  const { dirty, sessions } = await session(path, 9, { config, facts: now, session: now });
  const before = { commit: null, dirty: null, cpu: null, isa: null, threads: null, fromStep: 0 };
  assertEquals([dirty, sessions], [null, [before, { ...clean, fromStep: 5 }]]);
});
