/** The winning entry's network against fastai's: 25.6 M parameters, 64 px, both from the same computed weights. */
import { assertEquals } from "@std/assert";
import { crossEntropy, Device, models, scope, type Tensor } from "../../../mod.ts";
import { fastaiEntries } from "../../../lib/models/fastai.ts";
import { assertClose } from "../../support/compare.ts";
import { cpuWith, instructionSets } from "../../support/devices.ts";
import { fastaiBatch, fill, readFixture, samplesOf, type StoredFastai } from "../../support/fastai.ts";

interface Settings {
  readonly options: Partial<models.ModelOptions>;
  readonly n: number;
  readonly size: number;
  readonly seed: number;
  readonly images: number;
  readonly labelSmoothing: number;
  /** By fastai's name; `error32` is the largest difference of PyTorch's f32 gradients from its f64 ones. */
  readonly gradients: Record<string, { norm: number; largest: number; error32: number }>;
}

/** How far results may be from PyTorch's f64, as shares of the largest number of the tensor. */
interface Limits {
  readonly logits: number;
  readonly gradients: number;
}

/** One training step without the optimizer's, then evaluation: logits, loss, every gradient, the attention's vectors. */
async function checkEntry(
  stored: StoredFastai<Settings>,
  dtype: "f32" | "f64",
  device: Device,
  limits: Limits,
): Promise<void> {
  const { settings } = stored;
  using model = models.xseResnext50({ classes: 10, ...settings.options, dtype, device });
  await fill(model, settings.seed);
  const { images, labels } = await fastaiBatch(settings, 0, { dtype, device });
  const { logits, loss } = scope(() => {
    const logits = model.forward(images);
    const loss = crossEntropy(logits, labels, { labelSmoothing: settings.labelSmoothing });
    loss.backward();
    return { logits, loss };
  });
  model.eval();
  const evaluated = scope(() => model.forward(images));
  for (const [name, value] of Object.entries({ logits, loss, evaluated })) {
    await assertNear(value, stored.numbers(`${name}.f64`), limits.logits, name);
  }
  const state = model.state();
  const entries = fastaiEntries(model).filter(({ path }) => path !== null && state.get(path)!.requiresGrad);
  assertEquals(entries.map(({ name }) => name).sort(), Object.keys(settings.gradients).sort());
  for (const { name, path, shape } of entries) {
    const { norm, largest } = settings.gradients[name]!;
    const gradient = inOrder(await state.get(path!)!.grad!.data(), state.get(path!)!.shape, shape);
    assertClose([Math.sqrt(gradient.reduce((sum, each) => sum + each * each, 0))], [norm], {
      atol: 0,
      rtol: limits.gradients,
    }, `${name}: norm`);
    assertClose(
      samplesOf(gradient),
      stored.numbers(`grads.${name}`),
      { atol: limits.gradients * largest, rtol: 0 },
      name,
    );
  }
  for (const { name, path } of fastaiEntries(model)) {
    if (/weight_[uv]$/.test(name)) {
      await assertNear(state.get(path!)!, stored.numbers(`vectors.${name}`), limits.logits, name);
    }
  }
  for (const each of [images, labels, logits, loss, evaluated]) each.dispose();
}

async function assertNear(value: Tensor, expected: Float64Array, share: number, what: string): Promise<void> {
  const largest = expected.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  assertClose(await value.data(), expected, { atol: share * largest, rtol: 0 }, what);
}

/** Values [out, kh, kw, in] in fastai's order [out, in, kh, kw]; others as they are. */
function inOrder(values: ArrayLike<number>, own: readonly number[], theirs: readonly number[]): Float64Array {
  if (own.length !== 4 || theirs.length !== 4) return Float64Array.from(values);
  const [, channels = 0, kh = 0, kw = 0] = theirs;
  const taps = kh * kw;
  return Float64Array.from(values, (_, at) => {
    const out = Math.floor(at / (channels * taps));
    const channel = Math.floor(at / taps) % channels;
    return values[(out * taps + at % taps) * channels + channel]!;
  });
}

Deno.test("the entry's network: logits and every gradient in f64 as fastai's", async () => {
  const stored = await readFixture<Settings>("entry_64px");
  using device = new Device("cpu", { threads: 2 });
  await checkEntry(stored, "f64", device, { logits: 1e-9, gradients: 1e-9 });
});

for (const set of instructionSets()) {
  Deno.test(`the entry's network: logits and every gradient in f32 on ${set} as fastai's`, async () => {
    const stored = await readFixture<Settings>("entry_64px");
    using device = cpuWith(set, { threads: 2 });
    await checkEntry(stored, "f32", device, { logits: 2e-5, gradients: 1e-4 });
  });
}
