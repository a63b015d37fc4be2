/**
 * Distillation (Hinton 2015): a small network learns from a large one's answers as well as from the labels.
 *
 *     deno task example distillation                      # 2,048 digits, 3 epochs each
 *     deno task example distillation --run runs/student   # killed, the same line goes on where it was
 *
 * The teacher is trained first, or taken from `--teacher RUN`; in the student's step it only evaluates, without gradients.
 * Prints a line an epoch of the student, its top-1 and the run's folder. Takes about 15 s on two cores.
 */
import { parseArgs } from "@std/cli/parse-args";
import { crossEntropy, data, models, nn, noGrad, optim, recipe, Trainer } from "@libtrain/libtrain";

type Flags = Record<string, string | undefined>;
const flags = { string: ["limit", "epochs", "teacher", "run", "stop"], boolean: ["eager"] };
const { teacher: given, run: folder, stop: last, eager, ...sizes } = parseArgs(Deno.args, flags) as Flags;
const [limit, epochs] = [Number(sizes["limit"] ?? 2048), Number(sizes["epochs"] ?? 3)];

/** A run of the preset's network, to learn from. */
async function trainTeacher(): Promise<string> {
  return (await recipe.train(recipe.preset("mnist", { data: { limit }, epochs, bs: 32 })).result).folder;
}

// Trained again, the teacher has the same bits: a student that goes on learns from the same answers.
using teacher = await recipe.open(given ?? await trainTeacher()); // in evaluation mode

const { train, valid } = await data.mnist({ limit, device: teacher.device });
const network = { act: "mish", stem: [4, 4, 8], widths: [8, 16], reduction: 4 } as const;
using student = models.mnistNet({ ...network, seed: 0, device: teacher.device });
using trainer = new Trainer(student, {
  optimizer: optim.ranger(),
  schedule: optim.flatCos({ lr: 8e-3 }),
  loss: (output, { inputs, targets }) => {
    const answers = noGrad(() => teacher.model.forward(inputs));
    const soft = nn.distillationLoss(output, answers, { temperature: 4 });
    return soft.mul(0.7).add(crossEntropy(output, targets).mul(0.3));
  },
  capture: !eager,
});
trainer.on("epochEnd", ({ epoch, trainLoss }) => console.log(`epoch ${epoch}: loss ${trainLoss.toFixed(4)}`));

const stop = new AbortController();
trainer.on("batchEnd", ({ step }) => step === Number(last) ? stop.abort() : undefined);
const batches = train.batches(32, { shift: 2, seed: 0 });
const kept = { data: { name: "mnist" }, folder, resume: folder !== undefined, name: "student" };
using run = await recipe.createRun(trainer, { ...kept, batches, model: { name: "mnistNet", ...network } });
const result = await trainer.fit(batches, { epochs, valid: valid.batches(256), signal: stop.signal, ...run });
const { top1, steps, stopped } = result;
console.log(stopped ? `stopped after ${steps} steps` : `top-1 ${(100 * top1!).toFixed(2)} % after ${steps} steps`);
console.log(`run ${run.folder}`);
train.dispose();
valid.dispose();
