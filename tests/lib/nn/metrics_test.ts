/** The metrics of this library: values, and targets in the output's shape. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Device, nn, scope, type Tensor, tensor } from "../../../mod.ts";

const all = { meanAbsoluteError: nn.meanAbsoluteError, rootMeanSquareError: nn.rootMeanSquareError };

Deno.test("metrics: their values, also of a bf16 output", async () => {
  using device = new Device("cpu", { threads: 1 });
  using output = tensor([[1, -2], [3, 0.5]], { device });
  using low = output.to("bf16");
  using targets = tensor([[1, 0], [0, 1]], { device });
  for (const given of [output, low]) {
    using absolute = nn.meanAbsoluteError(given, { targets });
    using square = nn.rootMeanSquareError(given, { targets });
    using share = nn.labelAccuracy(given, { targets });
    assertAlmostEquals(await absolute.item(), 5.5 / 4, 1e-6);
    assertAlmostEquals(await square.item(), Math.sqrt(13.25 / 4), 1e-6);
    assertEquals(await share.item(), 0.75);
    assertEquals([absolute.dtype, square.dtype, share.dtype], ["f32", "f32", "f32"]);
  }
});

Deno.test("metrics: targets of another shape are refused and not broadcast, as [n, 1] and [n] would be to [n, n]", () => {
  using device = new Device("cpu", { threads: 1 });
  using output = tensor([[1], [2], [3]], undefined, { device });
  using targets = tensor([1, 2, 3], undefined, { device });
  for (const [name, metric] of Object.entries({ ...all, labelAccuracy: nn.labelAccuracy })) {
    assertThrows(
      () => scope(() => void metric(output, { targets })),
      TypeError,
      `${name}(): Expected \`targets\` in the shape of`,
    );
    const none = undefined as unknown as Tensor;
    assertThrows(() => metric(output, { targets: none }), TypeError, `${name}(): Expected \`targets\` as a Tensor`);
  }
});
