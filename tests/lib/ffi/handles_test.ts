/** Handles that are forged, stale, of another kind or of another queue are typed errors at every export. */
import { assertEquals, assertMatch } from "@std/assert";
import { Device, tensor } from "../../../mod.ts";
import type { Handle } from "../../../lib/ffi/call.ts";
import { opRows } from "../../support/op_cases.ts";
import {
  functionArguments,
  functionRows,
  opArguments,
  rawCall,
  type RawResult,
  words,
} from "../../support/raw_exports.ts";

const OK = 0, STALE = 4, FOREIGN = 5, STATE = 11;

/** Handles that stand for nothing: slots beyond the table, generations that never were, and none. */
function forged(live: Handle): Handle[] {
  return [
    { slot: 0xffffffff, generation: 0xffffffff },
    { slot: 123_456_789, generation: 1 },
    { slot: live.slot, generation: live.generation + 1 },
    { slot: live.slot, generation: live.generation - 1 },
    { slot: live.slot, generation: 0xffffffff },
    { slot: 0, generation: 0 },
    { slot: live.slot, generation: 0 },
  ];
}

/** Two devices, each with a tensor; the second's are foreign to the first. */
function twoDevices(): { device: Device; x: Handle; other: Device; foreign: Handle; dispose(): void } {
  const device = new Device("cpu", { threads: 1 });
  const other = new Device("cpu", { threads: 1 });
  const x = tensor([1, 2, 3, 4], [2, 2], { device });
  const y = tensor([1, 2, 3, 4], [2, 2], { device: other });
  return {
    device,
    x: x.handle,
    other,
    foreign: y.handle,
    dispose(): void {
      assertEquals([device.stats().handles, other.stats().handles], [1, 1], "live tensors");
      x.dispose();
      y.dispose();
      device.dispose();
      other.dispose();
    },
  };
}

function expectStatus(result: RawResult, status: number, what: string): void {
  assertEquals(result.status, status, `${what}: ${result.message}`);
  if (status === STALE) assertMatch(result.message, /^\w+\(\): Expected a live \w+ as handle \d+, got one /, what);
  if (status === FOREIGN) assertMatch(result.message, /^\w+\(\): Expected a tensor of this device and Worker /, what);
}

Deno.test("handles: a queue that is none, at every export that takes one", async () => {
  const { device, x, dispose } = twoDevices();
  const gone = new Device("cpu", { threads: 1 });
  const stale = gone.handle;
  gone.dispose();
  for (const queue of [...forged(device.handle), stale, x]) {
    for (const row of opRows) {
      expectStatus(
        await rawCall(`lt_${row.name}`, opArguments(queue, row.inputs.length > 0 ? [x] : [], [])),
        STALE,
        row.name,
      );
    }
    for (const row of functionRows.filter((row) => row.queue)) {
      // Letting go of a tensor must work after its queue is gone; it frees nothing here, as `x` names no tensor.
      const none = { slot: x.slot, generation: x.generation + 7 };
      const wanted = row.name === "tensor_release" ? OK : STALE;
      expectStatus(await rawCall(`lt_${row.name}`, functionArguments(row, queue, none)), wanted, row.name);
    }
  }
  dispose();
});

Deno.test("handles: a tensor that is none or of another device, at every input of every op", async () => {
  const { device, x, foreign, dispose } = twoDevices();
  const temporary = tensor([1], undefined, { device });
  const stale = temporary.handle;
  temporary.dispose();
  for (const row of opRows) {
    for (let place = 0; place < Math.max(row.inputs.length, 1); place++) {
      const inputs = (handle: Handle): Handle[] => [...Array<Handle>(place).fill(x), handle];
      const call = (handle: Handle): Promise<RawResult> =>
        rawCall(`lt_${row.name}`, opArguments(device.handle, inputs(handle), []));
      if (row.inputs.length === 0) continue;
      for (const bad of [...forged(x).filter(({ generation }) => generation !== 0), stale, device.handle]) {
        const result = await call(bad);
        expectStatus(result, STALE, row.name);
        assertMatch(result.message, new RegExp(`as handle ${place},`), row.name);
      }
      expectStatus(await call(foreign), FOREIGN, row.name);
    }
  }
  dispose();
});

Deno.test("handles: no tensor where one must be is an error that names it", async () => {
  const { device, dispose } = twoDevices();
  for (const row of opRows.filter(({ params, inputs }) => params.length === 0 && inputs.length > 0)) {
    for (const given of [[], [{ slot: 5, generation: 0 }]]) {
      const { status, message } = await rawCall(`lt_${row.name}`, opArguments(device.handle, given, []));
      assertEquals(status, 1, row.name);
      assertMatch(message, /Expected a tensor `\w+`, got none/, row.name);
    }
  }
  dispose();
});

Deno.test("handles: tensors, reads and graphs that are none, at every function that takes one", async () => {
  const { device, x, other, foreign, dispose } = twoDevices();
  const released = [
    "tensor_release",
    "read_release",
    "graph_release",
    "image_job_release",
    "transfer_release",
    "image_decode_release",
  ];
  const rows = functionRows.filter(({ args }) => args.some(({ name }) => name === "slot"));
  assertEquals(rows.length, 18);
  for (const row of rows) {
    const call = (handle: Handle): Promise<RawResult> =>
      rawCall(`lt_${row.name}`, functionArguments(row, device.handle, handle));
    const ofTensors = row.name.startsWith("tensor_") || row.name === "read_begin";
    for (const bad of [...forged(x), device.handle, ...(ofTensors ? [] : [x])]) {
      expectStatus(await call(bad), released.includes(row.name) ? OK : STALE, row.name);
    }
    if (ofTensors) expectStatus(await call(foreign), row.name === "tensor_release" ? OK : FOREIGN, row.name);
  }
  assertEquals(other.stats().handles, 1, "a foreign device cannot release a tensor");
  dispose();
});

Deno.test("handles: the lists that captures take", async () => {
  const { device, x, other, foreign, dispose } = twoDevices();
  const queue = [device.handle.slot, device.handle.generation];
  const end = (inputs: Handle[], outputs: Handle[]): Promise<RawResult> => {
    const [from, to] = [words(inputs), words(outputs)];
    return rawCall("lt_capture_end", [...queue, from, from.byteLength, to, to.byteLength]);
  };
  const begin = async (): Promise<void> => expectStatus(await rawCall("lt_capture_begin", queue), OK, "capture_begin");
  expectStatus(await end([x], [x]), STATE, "nothing is captured");
  await begin();
  expectStatus(await rawCall("lt_capture_begin", queue), STATE, "capture_begin inside");
  const refused: [Handle[], Handle[], number][] = [[[x, foreign], [], FOREIGN]];
  for (const bad of forged(x)) refused.push([[bad], [], STALE], [[], [bad], STALE]);
  for (const [inputs, outputs, status] of refused) {
    expectStatus(await end(inputs, outputs), status, "capture_end");
    // The recording has ended all the same.
    await begin();
  }
  const ended = await end([x], [x]);
  expectStatus(ended, OK, "capture_end");
  const graph = { slot: ended.out[0]!, generation: ended.out[1]! };
  const replay = (
    graph: Handle,
    inputs: Handle[],
    { on = device, steps = 1, scalar = [] as Handle[], rates = [] as number[] } = {},
  ): Promise<RawResult> => {
    const lists = [words(inputs), words(scalar), Float64Array.from(rates)];
    const { slot, generation } = on.handle;
    return rawCall("lt_graph_replay", [
      ...[slot, generation, graph.slot, graph.generation, steps],
      ...lists.flatMap((list) => [list, list.byteLength]),
    ]);
  };
  for (const bad of forged(x)) expectStatus(await replay(graph, [bad]), STALE, "replay");
  expectStatus(await replay(graph, [foreign]), FOREIGN, "replay");
  expectStatus(await replay(graph, []), 1, "replay with too few arguments");
  expectStatus(await replay(graph, [x], { steps: 2 }), 1, "replay with arguments for one of two steps");
  for (const steps of [0, 65_537]) expectStatus(await replay(graph, [], { steps }), 1, `replay of ${steps} steps`);
  for (const bad of [...forged(x), foreign]) {
    const { status } = await replay(graph, [x], { scalar: [bad], rates: [1] });
    assertEquals(status, bad === foreign ? FOREIGN : STALE, "the scalar of the rates");
  }
  expectStatus(await replay(graph, [x], { rates: [1] }), 1, "a rate without a scalar");
  expectStatus(await replay(graph, [x], { scalar: [x], rates: [1, 2] }), 1, "more rates than steps");
  expectStatus(await replay(graph, [x], { scalar: [x], rates: [NaN] }), 1, "a rate that is no number");
  expectStatus(await replay(graph, [x], { scalar: [x], rates: [1] }), 2, "a scalar of four elements");
  assertEquals((await replay(graph, [foreign], { on: other })).status, FOREIGN, "a graph of another device");
  await rawCall("lt_graph_release", [other.handle.slot, other.handle.generation, graph.slot, graph.generation]);
  const replayed = await replay(graph, [x]);
  expectStatus(replayed, OK, "replay after a foreign release");
  await rawCall("lt_tensor_release", [...queue, replayed.out[3]!, replayed.out[4]!]);
  await rawCall("lt_graph_release", [...queue, graph.slot, graph.generation]);
  expectStatus(await replay(graph, [x]), STALE, "replay after release");
  dispose();
});

Deno.test("handles: a slot that is used again does not answer to its old handle", async () => {
  using device = new Device("cpu", { threads: 1 });
  const old = tensor([1], undefined, { device });
  const handle = old.handle;
  old.dispose();
  using fresh = tensor([2], undefined, { device });
  assertEquals(fresh.handle.slot, handle.slot);
  expectStatus(await rawCall("lt_relu", opArguments(device.handle, [handle], [])), STALE, "relu");
  const { slot, generation } = device.handle;
  const release = await rawCall("lt_tensor_release", [slot, generation, handle.slot, handle.generation]);
  assertEquals([release.status, release.out[0]], [0, 0], "releases nothing");
  assertEquals(Array.from(await fresh.data()), [2]);
});
