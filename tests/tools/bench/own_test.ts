/** What the library's own process measures: that it computes what it says, and notes what each call was given. */
import { assert, assertEquals } from "@std/assert";
import { Device, models, ones, recipe, scope } from "../../../mod.ts";
import { buildNetwork, channelsOf, depthwise, oddChannels, peerNetwork } from "../../../tools/bench/networks.ts";
import { makeOwn } from "../../../tools/bench/own_network.ts";
import { timedStep } from "../../../tools/bench/op_calls.ts";

const mnist = { preset: "mnist" } as const;

Deno.test("own: trains, evaluates and answers, in f32 and bf16, as many times as asked", async () => {
  for (const dtype of ["f32", "bf16"] as const) {
    for (const what of ["train", "evaluate", "forward", "replay"] as const) {
      using own = makeOwn({ network: mnist, dtype, bs: 2, size: 28, threads: 1, what });
      assertEquals((await own.run(3)).length, what === "evaluate" ? 1 : 3);
      assertEquals(own.threads, 1);
    }
  }
});

Deno.test("networks: chains have the convolutions that PyTorch is told of; the mnist network is the preset's", () => {
  using device = new Device("cpu", { threads: 1 });
  for (const network of [depthwise, oddChannels]) {
    assert("chain" in network);
    using model = buildNetwork(network, 32, device);
    let channels = 3;
    const weights = network.chain.reduce((sum, [out, kernel, , groups]) => {
      const own = out * kernel * kernel * channels / groups + 2 * out;
      channels = out;
      return sum + own;
    }, 0) + 10 * channels + 10;
    const made = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
    assertEquals(made, weights);
    assertEquals(peerNetwork(network), { chain: network.chain });
  }
  assertEquals(channelsOf(mnist), 1);
  const { xresnet } = peerNetwork(mnist) as { xresnet: Record<string, unknown> };
  const { stem, widths } = { ...models.mnistNetOptions, ...recipe.preset("mnist").model };
  assertEquals([xresnet["in_channels"], xresnet["stem"], xresnet["stages"]], [1, stem, widths]);
});

Deno.test("ops: the calls of a step, with their parameters, and nothing of what keeps the device busy", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = ones([3, 4], { device });
  using y = ones([4, 3], { device });
  const step = (): void => scope(() => void x.matmul(y).sum().add(x.mul(2)));
  const calls = await timedStep(device, step, 2);
  assertEquals(calls.map(({ op }) => op), ["matmul", "sum", "affine", "add"]);
  assertEquals(calls[0]!.params, { transposeA: false, transposeB: false });
  assert(calls.every(({ ms }) => ms >= 0));
});
