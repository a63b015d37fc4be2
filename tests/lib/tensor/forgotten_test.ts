/** Tensors that were dropped without dispose: freed once collected, with one warning. */
import { assertEquals, assertMatch } from "@std/assert";
import { capture, defineOp, Device, nn, scope, scoped, type Tensor, tensor } from "../../../mod.ts";

/** Makes garbage until a device has no more than some handles, or long enough. */
async function collected(device: Device, handles: number): Promise<number> {
  for (let round = 0; round < 400 && device.stats().handles > handles; round++) {
    Array.from({ length: 20 }, () => new Array(100_000).fill(round));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return device.stats().handles;
}

/** Drops what `make` returns and expects the device to have nothing but `kept` handles in the end. */
function dropped(name: string, make: (device: Device) => void, count: number): void {
  Deno.test(`dropped and collected: ${name}`, async () => {
    using device = new Device("cpu", { threads: 1 });
    const warn = console.warn;
    const warnings: string[] = [];
    console.warn = (text: string) => warnings.push(text);
    try {
      make(device);
      assertEquals(device.stats().handles, count, "alive at first");
      assertEquals(await collected(device, 0), 0, "alive in the end");
    } finally {
      console.warn = warn;
    }
    for (const warning of warnings) assertMatch(warning, /^A [\w ]+ \(f32 \[.*\]\) was never disposed, .*scope\(\)$/);
    assertEquals(warnings.length <= 1, true, "once a process");
  });
}

dropped("results of a scoped step", (device) => {
  const step = scoped(() => tensor([1, 2], undefined, { device }).mul(2));
  for (let i = 0; i < 100; i++) step();
}, 100);

dropped("layers", (device) => {
  for (let i = 0; i < 20; i++) new nn.BatchNorm2d(3, { device });
}, 80);

dropped("graphs with what they saved, and gradients", (device) => {
  for (let i = 0; i < 20; i++) {
    const x = tensor([1, 2], undefined, { device }).requireGrad();
    scope(() => x.exp().sum().backward());
    scope(() => x.exp().mul(x).sum());
  }
}, 20 * (2 + 1 + 3));

dropped("graphs of every kind of op, also where only the middle of one is left", (device) => {
  const same = defineOp({ forward: (x: Tensor) => x.mul(2), backward: (dy) => [dy] });
  for (let i = 0; i < 20; i++) {
    scope(() => same(tensor([1, 2], undefined, { device }).requireGrad().exp()).sign());
    const x = tensor([1, 2], undefined, { device }).requireGrad();
    const y = x.exp();
    const z = y.mul(y);
    y.dispose();
    z.equal(z);
  }
}, 20 * (1 + 1 + 2 + (3 + 3)));

dropped("results of a captured step", (device) => {
  using step = capture((x: Tensor) => x.mul(2));
  using zero = tensor([0], undefined, { device });
  for (let i = 0; i < 20; i++) step(zero);
}, 20);

Deno.test("forgotten results are told by the bytes of their buffers: views of state, and the library's own, are none", () => {
  const warn = console.warn;
  const warnings: string[] = [];
  console.warn = (text: string) => warnings.push(text);
  const MIB = 2 ** 20;
  const kept: Tensor[] = [];
  try {
    using device = new Device("cpu", { threads: 1, memory: 64 * MIB });
    const make = (): Tensor => tensor(new Float32Array(2 * MIB), undefined, { device });
    using weights = make().heldAs("weights");
    for (let i = 0; i < 20; i++) kept.push(weights.narrow(0, 2 * MIB - 1));
    const own = make().claimed();
    kept.push(own, make());
    for (let i = 0; i < 20; i++) kept.push(kept[21]!.narrow(0, 2 * MIB - 1));
    assertEquals(warnings, [], "8 MiB of a result, and views");
    // A view whose source is gone has its bytes.
    for (let i = 0; i < 3; i++) {
      using source = make();
      kept.push(source.narrow(0, 2 * MIB - 1));
    }
    assertEquals(warnings.length, 1);
    assertMatch(
      warnings[0]!,
      /results of \w+\(\) are alive outside of any scope, the latest made .*forgotten_test\.ts:/,
    );
    for (const each of kept) each.dispose();
  } finally {
    console.warn = warn;
  }
});
