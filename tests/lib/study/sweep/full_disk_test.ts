import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { data, recipe, study } from "../../../../mod.ts";
import { fullDisk } from "../../../support/full_disk.ts";
import { tempFolder } from "../../../temp_folder.ts";
import { small, smallPlan } from "./plans.ts";

/** Whether opening the set fails now: it is there when its arm is rehearsed, and gone when that is trained. */
const drive = { gone: false };

recipe.register({
  dataSets: {
    gone: (_, { device }) => {
      if (drive.gone) throw new Error("The drive is gone");
      const images = new Uint8Array(64 * 28 * 28).map((_, at) => (at * 2654435761) >>> 24);
      const labels = Array.from({ length: 64 }, (_, at) => at % 2);
      const all = { images, labels, imageShape: [28, 28, 1], classes: ["a", "b"] } as data.Arrays;
      return { train: data.fromArrays(all, { device, training: true }), valid: data.fromArrays(all, { device }) };
    },
  },
});

const gone = study.planOf(study.define({
  ...small,
  name: "gone",
  changes: { epochs: 1, bs: 16, threads: 1 },
  arms: { gone: { data: { name: "gone", limit: null } } },
  baseline: "gone",
  primary: undefined,
}));

async function eventsIn(folder: string): Promise<string[]> {
  const lines = (await Deno.readTextFile(join(folder, "journal.jsonl"))).trimEnd().split("\n").slice(1);
  return lines.map((line) => JSON.parse(line).event);
}

Deno.test("sweep: a journal that cannot be written ends it with a clear error, whatever was to be written", async () => {
  using root = tempFolder();
  const folder = join(root.path, "small");
  const isJournal = (path: string): boolean => path.endsWith("journal.jsonl");
  const refused = async (plan: study.Plan, options: study.SweepOptions): Promise<void> => {
    const error = await assertRejects(() => study.sweep(plan, options));
    assertEquals((error as Error).name, "FileError");
    const { message } = error as Error;
    assertStringIncludes(message, 'journal.jsonl": No space left on device (os error 28): free some space, or make it');
  };
  // A failing cell, whose failures are not known to the next look.
  {
    const failed: number[] = [];
    let full: Disposable | undefined;
    const own = join(root.path, "gone");
    await refused(gone, {
      folder: own,
      runs: 1,
      onReady: () => void (drive.gone = true),
      onEvent: (event) => {
        if (event.type !== "failed") return;
        failed.push(event.attempt);
        full = fullDisk(isJournal);
      },
    });
    full![Symbol.dispose]();
    drive.gone = false;
    assertEquals(failed, [1]);
    assertEquals(await eventsIn(own), ["join", "claim", "fail"]);
  }
  await study.sweep(smallPlan(), { folder, runs: 1 });
  // One more seed that nobody else would know of.
  {
    using _full = fullDisk(isJournal);
    await refused(smallPlan(), { folder, runs: 2 });
  }
  assertEquals((await study.sweep(smallPlan(), { folder, runs: 2 })).arms.map(({ summary }) => summary?.n), [2, 2]);
});

Deno.test("sweep: a cell that fails is left after two tries also where the journal has lost the first", async () => {
  using root = tempFolder();
  const folder = join(root.path, "gone");
  const failed: number[] = [];
  await study.sweep(gone, {
    folder,
    runs: 1,
    onReady: () => void (drive.gone = true),
    onEvent: (event) => {
      if (event.type !== "failed") return;
      failed.push(event.attempt);
      const path = join(folder, "journal.jsonl");
      const kept = Deno.readTextFileSync(path).split("\n").filter((line) => !line.includes('"fail"'));
      Deno.writeTextFileSync(path, kept.join("\n"));
      if (failed.length > 2) throw new Error("It would go on for ever");
    },
  });
  drive.gone = false;
  assertEquals(failed, [1, 2]);
});

Deno.test("sweep: a full drive is no cell's fault: the sweep ends at once, and goes on when there is space", async () => {
  using root = tempFolder();
  const folder = join(root.path, "small");
  const begun: string[] = [];
  const onEvent = (event: study.WorkEvent): void => {
    if (event.type === "begin") begun.push(`${event.cell.arm} ${event.cell.seed}`);
  };
  {
    using _full = fullDisk((path) => path.includes(".safetensors"));
    const error = await assertRejects(() => study.sweep(smallPlan(), { folder, runs: 2, onEvent }));
    assertStringIncludes((error as Error).message, "Cannot go on with entry, seed 0: ");
    assertStringIncludes((error as Error).message, "No space left on device (os error 28)");
    assertEquals(begun, ["entry 0"]);
    assertEquals(await eventsIn(folder), ["join", "claim", "stop"]);
  }
  const { arms } = await study.sweep(smallPlan(), { folder, runs: 2, onEvent });
  assertEquals(arms.map(({ summary }) => summary?.n), [2, 2]);
});
