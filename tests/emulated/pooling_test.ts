/** Pooling on the emulated GPU where values are equal or no numbers: the gradient goes where the CPU's goes. */
import { assertEquals } from "@std/assert";
import { Device, tensor } from "../../mod.ts";
import { applyOne } from "../../lib/tensor/apply.ts";

/** Few distinct values, with holes: many windows have several largest ones, or a NaN. */
function holed(count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => i % 11 === 3 ? NaN : (i * 7919 >> 3) % 4);
}

/** A gradient of powers of two, whose sums are exact in any order. */
function gradient(count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => (i * 31 % 17) * 0.25);
}

for (const channels of [3, 8]) {
  Deno.test(`cuda (emulated): ties and NaN in pooling, ${channels} channels, as on the CPU`, async () => {
    const shape = [2, 9, 10, channels];
    const run = async (device: Device): Promise<unknown[]> => {
      using x = tensor(holed(2 * 9 * 10 * channels), shape, { device });
      const found: unknown[] = [];
      for (const [kernel, stride, padding] of [[3, 2, 1], [2, 1, 0], [4, 3, 2]] as const) {
        const window = { kernelH: kernel, kernelW: kernel, strideH: stride, strideW: stride };
        const params = { ...window, paddingH: padding, paddingW: padding, ceilMode: true };
        using y = applyOne("max_pool2d", [x], params);
        using dy = tensor(gradient(y.size), y.shape, { device });
        using dx = applyOne("max_pool2d_backward", [x, dy], params);
        found.push(await y.data(), await dx.data());
      }
      for (const [kernel, taps, reflect] of [[2, 3, false], [3, 3, true], [2, 5, true], [4, 2, false]] as const) {
        const params = { kernel, taps, stride: 2, reflect };
        using y = applyOne("max_blur_pool", [x], params);
        using dy = tensor(gradient(y.size), y.shape, { device });
        using dx = applyOne("max_blur_pool_backward", [x, dy], params);
        found.push(await y.data(), await dx.data());
      }
      return found;
    };
    using cpu = new Device("cpu", { threads: 1 });
    using cuda = new Device("cuda");
    assertEquals(await run(cuda), await run(cpu));
  });
}
