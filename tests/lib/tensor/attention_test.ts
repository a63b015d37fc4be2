/** Attention: what a mask hides, recorded steps, memory, and what does not fit. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  capture,
  causalSoftmax,
  Device,
  nn,
  optim,
  randn,
  scaledDotProductAttention,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../../../mod.ts";
import { assertClose } from "../../support/compare.ts";

const wrong = (value: unknown): never => value as never;

function three(device: Device, shape: number[]): Tensor[] {
  return [1, 2, 3].map((seed) => randn(shape, { device, seed }));
}

Deno.test("attention: a mask of whole numbers hides what floats of -Infinity do, and causal what a triangle does", async () => {
  using device = new Device("cpu", { threads: 1 });
  const [q, k, v] = three(device, [2, 3, 4, 5]) as [Tensor, Tensor, Tensor];
  const seen = Array.from({ length: 16 }, (_, at) => at % 4 <= Math.floor(at / 4) ? 1 : 0);
  const of = (mask: Tensor): Tensor => scope(() => scaledDotProductAttention(q, k, v, { mask }));
  using bytes = tensor(Uint8Array.from(seen), [4, 4], { device });
  using whole = tensor(Int32Array.from(seen), [1, 4, 4], { device });
  using floats = tensor(Float32Array.from(seen, (each) => each === 1 ? 0 : -Infinity), [4, 4], { device });
  using byBytes = of(bytes);
  using byWhole = of(whole);
  using byFloats = of(floats);
  using causal = scope(() => scaledDotProductAttention(q, k, v, { causal: true }));
  assertEquals(await byWhole.data(), await byBytes.data());
  assertEquals(await byFloats.data(), await byBytes.data());
  assertClose(await causal.data(), await byBytes.data(), { atol: 1e-6, rtol: 1e-6 }, "causal");
  for (const each of [q, k, v]) each.dispose();
});

Deno.test("attention: a causal place does not depend on what comes after it, in bf16 too", async () => {
  using device = new Device("cpu", { threads: 1 });
  for (const dtype of ["f32", "bf16"] as const) {
    const first = async (fill: number): Promise<ArrayLike<number>> => {
      using y = scope(() => {
        const [q, k, v] = three(device, [1, 2, 6, 4]).map((x) => x.to(dtype)) as [Tensor, Tensor, Tensor];
        const later = tensor(Int32Array.from({ length: 6 }, (_, at) => at < 3 ? 0 : 1), [6, 1], { device }).to(dtype);
        const changed = (x: Tensor): Tensor => x.add(later.mul(fill));
        return scaledDotProductAttention(q, changed(k), changed(v), { causal: true });
      });
      return (await y.data()).slice(0, 12);
    };
    assertEquals(await first(0), await first(100), dtype);
  }
});

Deno.test("attention: a recorded step trains as an eager one, bit for bit, and leaves nothing behind", async () => {
  const train = async (recorded: boolean): Promise<ArrayLike<number>[]> => {
    using device = new Device("cpu", { threads: 2 });
    const found: ArrayLike<number>[] = [];
    {
      const init = new nn.UniformInit({ seed: 0 });
      using model = new nn.Sequential(
        new nn.LayerNorm(8, { device }),
        new nn.MultiHeadAttention(8, 2, { causal: true, init, device }),
        new nn.Linear(8, 8, { init, device }),
      );
      using opt = optim.adamw({ wd: 0.1 }).bind(model, { lr: 1e-2 });
      const body = (x: Tensor): Tensor => {
        const loss = model.forward(x).sub(x).pow(2).mean();
        loss.backward();
        opt.step();
        return loss;
      };
      using step = capture(body);
      for (let at = 0; at < 6; at++) {
        using x = randn([3, 5, 8], { device, seed: at });
        using loss = recorded ? step(x) : scope(() => body(x));
        found.push(await loss.data());
      }
      for (const parameter of model.namedParameters().values()) found.push(await parameter.data());
    }
    assertEquals(device.stats().handles, 0);
    return found;
  };
  assertEquals(await train(true), await train(false));
});

Deno.test("attention: what does not fit is told with the shapes", () => {
  using device = new Device("cpu", { threads: 1 });
  using q = zeros([2, 3, 4, 5], { device });
  using k = zeros([2, 3, 6, 5], { device });
  using v = zeros([2, 3, 7, 5], { device });
  assertThrows(
    () => scaledDotProductAttention(q, k, v),
    TypeError,
    "of equal leading axes, got shapes [2, 3, 4, 5], [2, 3, 6, 5], [2, 3, 7, 5]",
  );
  assertThrows(
    () => scaledDotProductAttention(q, k, k, { mask: v }),
    TypeError,
    "Expected `mask` of a shape that broadcasts to [2, 3, 4, 6], got [2, 3, 7, 5]",
  );
  assertThrows(
    () => scaledDotProductAttention(q, k, k, { scale: NaN }),
    RangeError,
    "Expected `scale` as a finite number, got NaN",
  );
  assertThrows(
    () => scaledDotProductAttention(q, k, k, wrong({ is_causal: true })),
    TypeError,
    "scaledDotProductAttention(): Expected options among causal, mask, scale, got `is_causal`: it is called causal here",
  );
  using row = zeros([3], { device });
  assertThrows(
    () => causalSoftmax(row),
    TypeError,
    "Expected `x` with at least 2 axes [.., queries, keys], got shape [3]",
  );
  assertThrows(() => new nn.MultiHeadAttention(6, 4), RangeError, "Expected features that 4 heads divide, got 6");
  using layer = new nn.MultiHeadAttention(6, 2, { device });
  assertThrows(
    () => layer.forward(q),
    TypeError,
    "MultiHeadAttention(6, 2): Expected `x` [n, length, 6], got shape [2, 3, 4, 5]",
  );
});
