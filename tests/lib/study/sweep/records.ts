/** Results of runs that nobody trained, for what is made of them: the numbers are chosen, the hashes are right. */
import { join } from "@std/path";
import { study } from "../../../../mod.ts";

/** Images of a made result. */
const samples = { train: 60, valid: 40 };

/** What a made run came to. */
export interface Made {
  /** Right answers of 40; null for a run that diverged. */
  readonly correct: number | null;
  /** Whether each image is answered rightly; by default the first ones. */
  readonly right?: readonly boolean[];
  /** What images it was measured on. */
  readonly contents?: string;
}

function answersOf({ correct, right }: Made): study.Answers | null {
  if (correct === null) return null;
  const rightly = right ?? Array.from({ length: samples.valid }, (_, at) => at < correct);
  const labels = new Int32Array(samples.valid);
  const predicted = Int32Array.from(rightly, (each) => each ? 0 : 1);
  const index = Int32Array.from(labels, (_, at) => at);
  return study.packAnswers({ index, labels, predicted } as never, 10);
}

/** The record of a made run. */
export function recordOf(
  plan: study.Plan,
  { arm, seed, contents = "c", ...made }: Made & { arm: string; seed: number },
): study.SweepRun {
  const { recipe } = plan.arms.find(({ name }) => name === arm)!;
  const data = {
    source: { name: "set", sha256: null, contents, leftOut: {} },
    samples,
    imageShape: [28, 28, 1],
    classes: Array.from({ length: 10 }, (_, at) => `${at}`),
  };
  const over = made.correct !== null;
  const top1 = over ? made.correct! / samples.valid : null;
  return {
    ...{ libtrain: "sweep-run", format: 1, sweep: plan.name, arm, seed },
    hash: study.hashOf(study.identityOf({ ...recipe, ...data, seed } as never)),
    status: over ? "done" : "diverged",
    diverged: over ? null : { epoch: 1, step: 3, where: "the loss" },
    ...{ top1, correct: made.correct, total: over ? samples.valid : null, loss: over ? 1 - top1! : null },
    epochs: [1, 2].map((epoch) => ({
      epoch,
      ...{ trainLoss: 2 / epoch, trainTop1: 0.5, loss: 1 / epoch, top1: over ? top1! * epoch / 2 : null },
      ...{ lr: 0.01, trainSeconds: 10 },
    })),
    ...{ trainSeconds: over ? 20 : null, imagesPerSecond: over ? 6 : null },
    answers: answersOf(made as Made),
    recipe: { ...recipe, seed },
    data,
    dtype: recipe.dtype,
    code: { commit: "0123456789abcdef", dirty: false },
    machine: { device: "cpu", cpu: "a processor", isa: "avx2", threads: 1 },
    ended: "2025-01-31T12:00:00.000Z",
  } as unknown as study.SweepRun;
}

/** Writes made runs, by arm and seed, and gives their folder. */
export async function writeRecords(
  folder: string,
  plan: study.Plan,
  arms: Readonly<Record<string, readonly (number | null | Made)[]>>,
): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [arm, runs] of Object.entries(arms)) {
    for (const [seed, run] of runs.entries()) {
      const made = typeof run === "object" && run !== null ? run : { correct: run };
      const path = join(folder, `${arm}_seed${seed}.json`);
      await Deno.writeTextFile(path, JSON.stringify(recordOf(plan, { ...made, arm, seed })));
    }
  }
  return folder;
}
