/** Trainings with dropout: the same bits eager, recorded, resumed and after an error. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  capture,
  crossEntropy,
  Device,
  loadCheckpoint,
  nn,
  NonFiniteError,
  optim,
  rand,
  saveCheckpoint,
  scope,
  type State,
  type Tensor,
  tensor,
  Trainer,
  type TrainerOptions,
} from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";
import { fingerprint, tinyData } from "./tiny.ts";

/** A network with both layers of noise, and a factor that can be made something that is not finite. */
class Noisy extends nn.Module {
  readonly first: nn.Linear;
  readonly branch: nn.Linear;
  readonly head: nn.Linear;
  readonly dropout: nn.Dropout;
  readonly depth: nn.StochasticDepth;
  readonly factor: nn.Buffer;

  constructor(device: Device, seed: number) {
    super();
    const options = { init: new nn.UniformInit({ seed }), device };
    this.first = new nn.Linear(64, 16, options);
    this.branch = new nn.Linear(16, 16, options);
    this.head = new nn.Linear(16, 4, options);
    this.dropout = new nn.Dropout({ p: 0.3, ...options });
    this.depth = new nn.StochasticDepth({ p: 0.4, ...options });
    this.factor = nn.Buffer.of(tensor([1], undefined, { device }));
  }

  override forward(x: Tensor): Tensor {
    const y = this.dropout.forward(this.first.forward(x.reshape([x.shape[0]!, 64])));
    const z = y.add(this.depth.forward(this.branch.forward(y)));
    return this.head.forward(this.dropout.forward(z)).mul(this.factor.to(x.dtype));
  }
}

interface Options extends Partial<TrainerOptions> {
  seed?: number;
  threads?: number;
  from?: State;
  steps?: number;
  /** Before this step something is not finite, and is mended once the error was thrown. */
  broken?: number;
}

/** The state at the end of a training, or of a part of one: 16 steps. */
async function trained(options: Options = {}): Promise<State> {
  const { seed = 0, threads = 1, from, steps = Infinity, broken, ...rest } = options;
  using device = new Device("cpu", { threads });
  using set = tinyData(device, 64, { training: true });
  using valid = tinyData(device, 20);
  using model = new Noisy(device, seed);
  using trainer = new Trainer(model, { optimizer: optim.adamw(), schedule: optim.constant({ lr: 5e-3 }), ...rest });
  using bad = tensor([Number.NaN], undefined, { device });
  if (from !== undefined) trainer.load(from);
  const stop = new AbortController();
  let mended = false;
  trainer.on("batchEnd", ({ step }) => {
    if (step === steps) stop.abort();
    if (broken !== undefined && step === broken - 1 && !mended) model.factor.assign(bad);
  });
  const fit = (): Promise<unknown> =>
    trainer.fit(set.batches(8, { seed: 1 }), { epochs: 2, valid: valid.batches(8), signal: stop.signal });
  if (broken !== undefined) {
    await assertRejects(fit, NonFiniteError, `step ${broken}`);
    const [drawn, kept] = [...await model.dropout.counter.data()].slice(2);
    assertEquals([drawn, kept], [2 * (broken - 1), 2 * (broken - 1)], "the failed step has drawn nothing");
    model.factor.fill(1);
    mended = true;
  }
  await fit();
  return await trainer.state();
}

async function throughFile(state: State): Promise<State> {
  using folder = tempFolder();
  const path = join(folder.path, "state.safetensors");
  await saveCheckpoint(path, { state, config: {} });
  return (await loadCheckpoint(path)).state;
}

const counter = (state: State, name: string): number[] =>
  [...state.tensors.get(`model.${name}.counter`)!.data].map(Number);

Deno.test("Trainer with dropout: eager, recorded, on any number of threads and resumed anywhere, bit for bit", async () => {
  const whole = await trained();
  assertEquals([counter(whole, "dropout"), counter(whole, "depth")], [[0, 0, 32, 32], [0, 1, 16, 16]]);
  for (const options of [{ capture: false }, { threads: 3 }]) {
    assertEquals(fingerprint(await trained(options)), fingerprint(whole), JSON.stringify(options));
  }
  for (const steps of [1, 2, 5, 8]) {
    const part = await throughFile(await trained({ steps }));
    assertEquals(part.counters.step, steps);
    // Another seed, as weights, keys and counts all come from the state.
    assertEquals(fingerprint(await trained({ from: part, seed: 99 })), fingerprint(whole), `after ${steps}`);
  }
  assertNotEquals(fingerprint(await trained({ seed: 1 })), fingerprint(whole));
});

Deno.test("Trainer with dropout: in bf16, and with an average of the weights, bit for bit", async () => {
  for (const options of [{ dtype: "bf16" }, { ema: 0.9 }] as const) {
    const whole = await trained(options);
    assertEquals(fingerprint(await trained({ ...options, capture: false, threads: 2 })), fingerprint(whole));
    const part = await throughFile(await trained({ ...options, steps: 5 }));
    assertEquals(fingerprint(await trained({ ...options, from: part, seed: 99 })), fingerprint(whole));
  }
});

Deno.test("Trainer with dropout: a step that failed has drawn nothing, and the training goes on as if it had not been", async () => {
  const whole = await trained();
  for (const [broken, capture] of [[2, true], [6, true], [6, false], [11, true]] as const) {
    const found = await trained({ broken, capture });
    assertEquals(counter(found, "dropout"), counter(whole, "dropout"));
    const strip = (state: State): string =>
      fingerprint(state).split("\n").filter((line) => line.includes("model.")).join("\n");
    assertEquals(strip(found), strip(whole), `step ${broken}, capture ${capture}`);
  }
});

/** Leaves its branch out as JavaScript decides, here by a list where others ask Math.random(). */
class Deciding extends nn.Module {
  readonly linear: nn.Linear;
  #step = 0;

  constructor(device: Device) {
    super();
    this.linear = new nn.Linear(64, 4, { init: new nn.UniformInit({ seed: 0 }), device });
  }

  override forward(x: Tensor): Tensor {
    const y = this.linear.forward(x.reshape([x.shape[0]!, 64]));
    return [0, 1, 0, 0, 1][this.#step++ % 5] === 0 ? y : y.mul(0.5);
  }
}

Deno.test("Trainer: a model whose forward decides in JavaScript is told once, and trains as call by call", async () => {
  const run = async (capture: boolean): Promise<{ state: string; lines: string[] }> => {
    using device = new Device("cpu", { threads: 1 });
    using set = tinyData(device, 128, { training: true });
    using model = new Deciding(device);
    using trainer = new Trainer(model, { optimizer: optim.ranger(), schedule: optim.constant({ lr: 1e-2 }), capture });
    const lines: string[] = [];
    const own = console.warn;
    console.warn = (line: string) => void lines.push(line);
    try {
      await trainer.fit(set.batches(8, { seed: 1 }), { epochs: 1 });
    } finally {
      console.warn = own;
    }
    return { state: fingerprint(await trainer.state()), lines };
  };
  const [eager, captured] = [await run(false), await run(true)];
  assertEquals(captured.state, eager.state);
  assertEquals([eager.lines.length, captured.lines.length], [0, 1]);
  assertMatch(
    captured.lines[0]!,
    /^capture\(\): This step is not recorded and runs op by op, as its runs differ: op \d+ is/,
  );
});

Deno.test("dropout in a loop written by hand: steps call by call, recorded and many at once, bit for bit", async () => {
  const run = async (how: "eager" | "captured" | "many"): Promise<string> => {
    using device = new Device("cpu", { threads: 2 });
    using model = new Noisy(device, 3);
    using optimizer = optim.ranger().bind(model, { lr: 1e-2 });
    const body = (x: Tensor, labels: Tensor): Tensor => {
      const loss = crossEntropy(model.forward(x), labels);
      loss.backward();
      optimizer.step();
      return loss;
    };
    using step = capture(body);
    using labels = tensor(Int32Array.from([0, 1, 2, 3]), undefined, { device });
    const batches = Array.from(
      { length: 12 },
      (_, seed) => [rand([4, 64], { seed, device }), labels] as [Tensor, Tensor],
    );
    const losses = how === "many"
      ? step.many(batches)
      : batches.map((batch) => how === "eager" ? scope(() => body(...batch)) : step(...batch));
    const found: unknown[] = [];
    for (const loss of losses) found.push(await loss.item());
    for (const value of model.state().values()) found.push(await value.data());
    for (const [x] of batches) x.dispose();
    for (const loss of losses) loss.dispose();
    if (how !== "eager") assertEquals(step.recordings, 1);
    return JSON.stringify(found);
  };
  const eager = await run("eager");
  assertEquals(await run("captured"), eager);
  assertEquals(await run("many"), eager);
  assert(new Set(eager).size > 1);
});
