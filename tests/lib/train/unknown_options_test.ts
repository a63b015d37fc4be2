/** Options that would have no effect, and what is no batches, are refused where they are given. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { data, Device, evaluate, loadWeights, nn, optim, Trainer } from "../../../mod.ts";

const wrong = (value: unknown): never => value as never;
const parts = { optimizer: optim.sgd(), schedule: optim.constant({ lr: 0.1 }) };

/** What a message says of what it got. */
function got({ message }: Error): string {
  return message.slice(message.indexOf("got "));
}

function numbers(device: Device): data.Dataset {
  const images = Uint8Array.from({ length: 8 * 4 }, (_, at) => at);
  return data.fromArrays({ images, labels: new Uint8Array(8), imageShape: [2, 2, 1], classes: ["0", "1"] }, { device });
}

Deno.test("Trainer and fit() refuse options that they do not have, and say what they are called here", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = numbers(device);
  using model = new nn.Sequential(new nn.Flatten(), new nn.Linear(4, 2, { device }));
  const trainer: [option: string, hint: string][] = [
    ["clip_grad", "it is called clipNorm here"],
    ["gradientClipVal", "it is called clipNorm here"],
    ["labelSmothing", "it may be labelSmoothing that is meant"],
    ["epochs", "it is an option of fit()"],
  ];
  for (const [option, hint] of trainer) {
    const error = assertThrows(() => new Trainer(model, wrong({ ...parts, [option]: 1 })), TypeError);
    assertEquals(got(error), `got \`${option}\`: ${hint}`);
  }
  assertThrows(() => new Trainer(model, wrong(undefined)), TypeError, "Trainer(): Expected options, got undefined");
  using made = new Trainer(model, parts);
  const batches = set.batches(4);
  const fit: [option: string, hint: string][] = [
    ["validation", "it is called valid here"],
    ["clipNorm", "it is an option of new Trainer()"],
    ["save_every", "it may be saveEvery that is meant"],
  ];
  for (const [option, hint] of fit) {
    const error = await assertRejects(() => made.fit(batches, wrong({ epochs: 1, [option]: batches })), TypeError);
    assertEquals(got(error), `got \`${option}\`: ${hint}`);
  }
  await assertRejects(() => made.fit(batches, wrong(undefined)), TypeError, "fit(): Expected options, got undefined");
  const names = "fitBegin, epochBegin, batchEnd, losses, evaluateBatch, evaluateEnd, saved, epochEnd, fitEnd";
  assertEquals(
    assertThrows(() => made.on(wrong("epoch_end"), () => {}), TypeError).message,
    `on(): Expected an event among ${names}, got "epoch_end": it may be epochEnd that is meant`,
  );
  assertThrows(() => made.on("epochEnd", wrong(1)), TypeError, "on(): Expected `listener` as a function, got 1");
});

Deno.test("a data set where batches are wanted is told how it is cut into them", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = numbers(device);
  using model = new nn.Sequential(new nn.Flatten(), new nn.Linear(4, 2, { device }));
  using trainer = new Trainer(model, parts);
  const cut = "as batches, got a data set of 8 samples: write .batches(size) of a data set, say .batches(32)";
  const cases: [() => Promise<unknown>, string][] = [
    [() => trainer.fit(wrong(set), { epochs: 1 }), `fit(): Expected \`train\` ${cut}`],
    [() => trainer.fit(set.batches(4), { epochs: 1, valid: wrong(set) }), `fit(): Expected \`valid\` ${cut}`],
    [() => evaluate(model, wrong(set)), `evaluate(): Expected \`batches\` ${cut}`],
  ];
  for (const [call, message] of cases) assertEquals((await assertRejects(call, TypeError)).message, message);
  assertEquals(trainer.counters.step, 0);
});

Deno.test("batches(), open(), evaluate() and loadWeights() refuse options that they do not have", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = numbers(device);
  using model = new nn.Sequential(new nn.Flatten(), new nn.Linear(4, 2, { device }));
  const cases: [() => unknown, string][] = [
    [() => set.batches(8, wrong({ drop_last: true })), "got `drop_last`: it is called dropLast here"],
    [
      () => set.batches(8, wrong({ batch_size: 4 })),
      "got `batch_size`: it is the argument before the options: batches(32)",
    ],
    [() => data.open("photos", wrong({ size: 8, image_size: 8 })), "got `image_size`: it is called size here"],
    [
      () => data.open("photos", wrong(undefined)),
      "got undefined: write data.open(path, { size: 128 }), height and width of the images in a batch",
    ],
    [() => loadWeights(model, "none", wrong({ exclude: "head" })), "got `exclude`: it is called except here"],
    [() => evaluate(model, set.batches(8), wrong({ metric: {} })), "got `metric`: it may be metrics that is meant"],
  ];
  for (const [call, message] of cases) {
    assertEquals(got(await assertRejects(async () => await call(), TypeError)), message);
  }
});
