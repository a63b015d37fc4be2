/** Who owns tensors: scopes, `using`, and what happens after dispose. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Device, DisposedError, nn, noGrad, scope, scoped, type Tensor, tensor } from "../../../mod.ts";

function withDevice(
  body: (device: Device, make: (value: number) => Tensor) => Promise<void> | void,
): () => Promise<void> {
  return async () => {
    using device = new Device("cpu", { threads: 1 });
    await body(device, (value) => tensor([value], undefined, { device }));
    assertEquals(device.stats().handles, 0, "live tensors at the end");
  };
}

Deno.test(
  "scope: frees what was made and keeps what is returned",
  withDevice(async (device, make) => {
    using kept = scope(() => make(1).add(make(2)).mul(3));
    assertEquals(device.stats().handles, 1);
    assertEquals(await kept.item(), 9);
  }),
);

Deno.test(
  "scope: keeps tensors in arrays and plain objects, however deep",
  withDevice((device, make) => {
    const { a, list } = scope(() => {
      make(0);
      return { a: make(1), list: [make(2), { b: make(3), text: "no tensor" }, null, 7] as const };
    });
    assertEquals(device.stats().handles, 3);
    for (const each of [a, list[0], list[1].b]) each.dispose();
  }),
);

Deno.test(
  "scope: nested ones hand what they return to the scope around",
  withDevice((device, make) => {
    using outer = scope(() => {
      const inner = scope(() => {
        make(1);
        return make(2);
      });
      assertEquals(device.stats().handles, 1);
      return inner.add(1);
    });
    assertEquals([device.stats().handles, outer.disposed], [1, false]);
  }),
);

Deno.test(
  "scope: returning a tensor of the scope around leaves it there",
  withDevice((device, make) => {
    scope(() => {
      const x = make(1);
      const same = scope(() => x);
      assertEquals([same === x, x.disposed], [true, false]);
    });
    assertEquals(device.stats().handles, 0);
    using own = make(5);
    assertEquals(scope(() => own), own);
    assertEquals(own.disposed, false, "what no scope owned is only disposed by its holder");
  }),
);

Deno.test(
  "scope: what it returns without having made it keeps its owner, through every scope around",
  withDevice((device, make) => {
    using own = make(5);
    using layer = new nn.Linear(2, 1, { device });
    scope(() => {
      assertEquals(scope(() => own) === own, true);
      assertEquals(scope(() => [layer, { weight: layer.weight }])[0] === layer, true);
      const outer = make(1);
      scope(() => scope(() => outer));
      assertEquals(outer.disposed, false);
    });
    assertEquals([own.disposed, layer.weight.disposed, device.stats().handles], [false, false, 3]);
  }),
);

Deno.test(
  "scope: frees everything where the function throws",
  withDevice((device, make) => {
    assertThrows(
      () =>
        scope(() => {
          make(1);
          scope(() => {
            make(2);
            throw new Error("from inside");
          });
        }),
      Error,
      "from inside",
    );
    assertEquals(device.stats().handles, 0);
    using x = make(3);
    assertEquals(x.disposed, false, "no scope is left open");
  }),
);

Deno.test(
  "scope: an async function is refused by type and at run time, and frees what it made",
  withDevice((device, make) => {
    assertThrows(
      // @ts-expect-error: an open scope across an await would adopt other tasks' tensors
      () => scope(async () => await Promise.resolve(make(1))),
      TypeError,
      "scope(): Expected a synchronous function, got one that returns a promise: await outside the scope",
    );
    // @ts-expect-error: the same
    assertThrows(() => noGrad(async () => await Promise.resolve()), TypeError, "noGrad(): Expected a synchronous");
    assertEquals(device.stats().handles, 0);
    assertEquals(noGradWorks(make), true, "gradients are on again");
  }),
);

function noGradWorks(make: (value: number) => Tensor): boolean {
  using x = make(1).requireGrad();
  using y = noGrad(() => x.mul(2));
  using z = x.mul(2);
  return !y.requiresGrad && z.requiresGrad;
}

Deno.test(
  "an op with a number leaves nothing behind outside a scope",
  withDevice(async (device, make) => {
    using x = make(3);
    for (const op of [(x: Tensor) => x.maximum(5), (x: Tensor) => x.equal(3), (x: Tensor) => x.div(3)]) {
      using y = op(x);
      assertEquals([device.stats().handles, (await y.item()) > 0], [2, true]);
    }
  }),
);

Deno.test(
  "scoped: every call is a scope",
  withDevice(async (device, make) => {
    const half = scoped((x: Tensor, by: number) => x.add(1).mul(by));
    using x = make(3);
    using a = half(x, 0.5);
    using b = half(x, 2);
    assertEquals([device.stats().handles, await a.item(), await b.item()], [3, 2, 8]);
  }),
);

Deno.test(
  "noGrad: no graph, also where the function throws, and nested",
  withDevice((_, make) => {
    assertThrows(
      () =>
        noGrad(() => {
          throw new Error("inside");
        }),
      Error,
      "inside",
    );
    using x = make(1).requireGrad();
    using y = noGrad(() => {
      noGrad(() => undefined);
      return x.mul(2);
    });
    assertEquals([y.requiresGrad, noGradWorks(make)], [false, true]);
  }),
);

Deno.test(
  "dispose: twice does nothing, use afterwards is a typed error at every way in",
  withDevice(async (device, make) => {
    const x = make(1);
    x.dispose();
    x.dispose();
    x[Symbol.dispose]();
    using other = make(2);
    const message = "Cannot use a Tensor (f32 [1]) after it was disposed: read it before the scope ends, or return it";
    const uses: (() => unknown)[] = [
      () => x.add(1),
      () => other.add(x),
      () => x.reshape([1, 1]),
      () => x.detach(),
      () => x.clone(),
      () => x.fill(1),
      () => other.assign(x),
      () => x.handle,
      () => x.requireGrad().mul(2),
    ];
    for (const use of uses) assertThrows(use, DisposedError, message);
    await assertRejects(() => x.data(), DisposedError, message);
    await assertRejects(() => x.item(), DisposedError, message);
    assertEquals([x.disposed, device.stats().handles], [true, 1]);
  }),
);

Deno.test(
  "views keep the buffer, whichever is disposed first",
  withDevice(async (device, make) => {
    const x = tensor([1, 2, 3, 4, 5, 6], [3, 2], { device });
    using row = x.narrow(1, 1);
    using flat = x.reshape([6]);
    assertEquals([device.stats().handles, device.stats().storages], [3, 1]);
    x.dispose();
    make(0).dispose();
    assertEquals([Array.from(await row.data()), Array.from(await flat.data())], [[3, 4], [1, 2, 3, 4, 5, 6]]);
    flat.fill(9);
    assertEquals(Array.from(await row.data()), [9, 9], "a write through one view is seen by the others");
  }),
);

Deno.test("a disposed device: its tensors can be disposed but not used", async () => {
  const device = new Device("cpu", { threads: 1 });
  const x = tensor([1], undefined, { device });
  device.dispose();
  device.dispose();
  assertThrows(() => x.add(1), DisposedError, "Cannot use a device after it was disposed");
  assertThrows(() => tensor([1], undefined, { device }), DisposedError);
  await assertRejects(() => x.data(), DisposedError);
  await assertRejects(() => device.synchronize(), DisposedError);
  assertEquals(Deno.inspect(device), "Device(cpu, disposed)");
  x.dispose();
  assertEquals(x.disposed, true);
});
