/** Modules that keep their layers in maps, sets and plain objects. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Device, nn, ones, optim, scope, StateError, type Tensor, tensor } from "../../../mod.ts";

/** Layers in every kind of container, and what is no layer beside them. */
class Kept extends nn.Module {
  readonly heads: Map<string, nn.Linear>;
  readonly set: Set<nn.Module>;
  readonly parts: { readonly body: readonly nn.Linear[]; readonly scale: nn.Parameter; readonly note: string };
  readonly bare: Record<string, nn.Buffer>;

  constructor(device: Device) {
    super();
    const make = (): nn.Linear => new nn.Linear(2, 2, { device, bias: false });
    this.heads = new Map([["left", make()], ["right", make()]]);
    this.set = new Set<nn.Module>([new nn.Activation("relu"), make()]);
    this.parts = {
      body: [make(), make()],
      scale: nn.Parameter.of(tensor([1, 2], undefined, { device })),
      note: "no layer",
    };
    this.bare = Object.assign(Object.create(null), { seen: nn.Buffer.of(tensor([0], undefined, { device })) });
  }

  override forward(x: Tensor): Tensor {
    const layers = [...this.heads.values(), ...this.set, ...this.parts.body];
    return layers.reduce((y, layer) => y.add(layer.forward(x)), x.mul(this.parts.scale));
  }
}

const parameterPaths = [
  "parts.scale",
  "heads.left.weight",
  "heads.right.weight",
  "set.1.weight",
  "parts.body.0.weight",
  "parts.body.1.weight",
];

Deno.test("module: layers in maps, sets and plain objects are parts of it under their keys", () => {
  using device = new Device("cpu", { threads: 1 });
  const before = device.stats().handles;
  const model = new Kept(device);
  assertEquals([...model.namedParameters().keys()], parameterPaths);
  assertEquals([...model.namedBuffers().keys()], ["bare.seen"]);
  assertEquals([...model.children().keys()], [
    "heads.left",
    "heads.right",
    "set.0",
    "set.1",
    "parts.body.0",
    "parts.body.1",
  ]);
  model.eval();
  assertEquals([...model.modules()].map(([, module]) => module.training), Array(7).fill(false));
  model.dispose();
  assertEquals(device.stats().handles, before, "dispose() reaches them all");
});

Deno.test("module: layers in maps, sets and plain objects train", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new Kept(device);
  using optimizer = optim.sgd().bind(model, { lr: 1 });
  const read = async (): Promise<number[][]> =>
    await Promise.all([...model.namedParameters().values()].map(async (parameter) => [...await parameter.data()]));
  const before = await read();
  scope(() => model.forward(ones([1, 2], { device })).sum().backward());
  optimizer.step();
  const after = await read();
  for (const [index, path] of parameterPaths.entries()) assertNotEquals(after[index], before[index], path);
});

Deno.test("replaceModules() reaches into maps, sets and plain objects", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new Kept(device);
  const paths: string[] = [];
  const count = nn.replaceModules(model, nn.Linear, (_old, path) => {
    paths.push(path);
    return new nn.Activation("tanh");
  });
  assertEquals(paths, ["heads.left", "heads.right", "set.1", "parts.body.0", "parts.body.1"]);
  assertEquals(count, 5);
  assertEquals([...model.namedParameters().keys()], ["parts.scale"]);
  assertEquals([...model.heads.keys()], ["left", "right"]);
  assertEquals([...model.set].map(({ constructor }) => constructor.name), ["Activation", "Activation"]);
});

/** A map with what keys it is given. */
class Keyed extends nn.Module {
  readonly layers = new Map<unknown, nn.Parameter>();

  override forward(x: Tensor): Tensor {
    return x;
  }
}

Deno.test("module: keys that are no texts have names, and two of one path are refused", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new Keyed();
  const make = (): nn.Parameter => nn.Parameter.of(tensor([1], undefined, { device }));
  model.layers.set(7, make()).set({ key: "object" }, make());
  assertEquals([...model.namedParameters().keys()], ["layers.7", "layers.1"]);
  using third = make();
  model.layers.set("7", third);
  assertThrows(
    () => model.namedParameters(),
    StateError,
    'Expected one field at each path, got two at "layers.7": give one of them another name or key',
  );
  model.layers.delete("7");
});

Deno.test("module: containers inside themselves end there", () => {
  using device = new Device("cpu", { threads: 1 });
  const loop: Record<string, unknown> = { layer: new nn.Linear(1, 1, { device, bias: false }) };
  loop["self"] = loop;
  using model = Object.assign(new Keyed(), { loop });
  assertEquals([...model.namedParameters().keys()], ["loop.layer.weight"]);
  assertEquals(nn.replaceModules(model, nn.Activation, (old) => old), 0);
});
