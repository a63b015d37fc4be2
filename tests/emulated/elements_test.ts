/**
 * Ops that compute or move single elements, on the emulated GPU: every way in which the kernels read memory gives the very
 * bits that the CPU gives. The stored cases have the values; here are the layouts: broadcasts, views that begin anywhere,
 * rests, empty tensors, six axes.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { DtypeName } from "../../lib/ffi/codes.ts";
import { applyOne } from "../../lib/tensor/apply.ts";
import { arange, full, rand, randn, tensor } from "../../lib/tensor/create.ts";
import { Device } from "../../lib/tensor/device.ts";
import { broadcastTo } from "../../lib/tensor/ops/reduce.ts";
import { cast, concat, gatherRows, oneHot, pad, slice, transpose } from "../../lib/tensor/ops/shape.ts";
import { where } from "../../lib/tensor/ops/select.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { LateError } from "../../lib/ffi/errors.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { emulator } from "./emulator.ts";

const DTYPES = ["f32", "bf16", "i32", "u8"] as const;

/** Both devices, for the time of one test. */
class Pair implements Disposable {
  readonly cpu = new Device("cpu", { threads: 1 });
  readonly cuda = new Device("cuda");

  /** Computes on both; throws where a bit differs. */
  async same(what: string, compute: (device: Device) => Tensor): Promise<void> {
    const [wanted, got] = [scope(() => compute(this.cpu)), scope(() => compute(this.cuda))];
    assertEquals(got.shape, wanted.shape, what);
    const [expected, actual] = [await wanted.data(), await got.data()];
    const wrong = actual.findIndex((value, i) => !Object.is(value, expected[i]));
    assert(wrong < 0, `${what}: expected ${expected[wrong]} at ${wrong} of [${got.shape}], got ${actual[wrong]}`);
    wanted.dispose();
    got.dispose();
  }

  [Symbol.dispose](): void {
    this.cpu.dispose();
    this.cuda.dispose();
  }
}

/** Numbers that tell elements apart: as many as u8 holds, in an order without a period of a power of two. */
function numbers(shape: readonly number[], dtype: DtypeName, device: Device, first = 0): Tensor {
  const size = shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: first + size }, (_, i) => (i * 37 + 11) % 251);
  const all = tensor(values, [first + size], { dtype, device });
  // A view that begins `first` elements behind an aligned address.
  return all.narrow(first, size).reshape(shape);
}

/** Shapes that broadcast to a shape: for each set of its axes, those axes are 1. */
function broadcasts(shape: readonly number[]): number[][] {
  return Array.from({ length: 2 ** shape.length }, (_, set) => shape.map((size, axis) => set >> axis & 1 ? 1 : size));
}

function permutations(rank: number): number[][] {
  if (rank === 0) return [[]];
  return permutations(rank - 1).flatMap((rest) =>
    Array.from({ length: rank }, (_, place) => [...rest.slice(0, place), rank - 1, ...rest.slice(place)])
  );
}

function named(before: Readonly<Record<string, number>>, prefix: string): string[] {
  const after = Object.entries(emulator.launchesByName()).filter(([name]) => name.startsWith(prefix));
  return after.filter(([name, count]) => count > (before[name] ?? 0)).map(([name]) => name).sort();
}

Deno.test("elements on the emulated GPU: binary ops in every combination of broadcast axes", async () => {
  using pair = new Pair();
  for (const dtype of ["f32", "bf16"] as const) {
    for (const shape of [[2, 3, 8], [2, 1, 5], [3, 2, 16]]) {
      for (const left of broadcasts(shape)) {
        for (const right of broadcasts(shape)) {
          const compute = (device: Device): Tensor =>
            numbers(left, dtype, device).sub(numbers(right, dtype, device).affine(2, 1));
          await pair.same(`sub ${dtype} [${left}] and [${right}]`, compute);
        }
      }
    }
  }
});

Deno.test("elements on the emulated GPU: binary ops of views that begin anywhere, with rests", async () => {
  using pair = new Pair();
  for (const dtype of ["f32", "bf16"] as const) {
    for (const size of [0, 1, 2, 3, 4, 7, 8, 9, 31, 32, 1029]) {
      for (const [a, b] of [[0, 0], [1, 0], [0, 3], [8, 16], [5, 5]] as const) {
        const compute = (device: Device): Tensor =>
          numbers([size], dtype, device, a).div(numbers([size], dtype, device, b).affine(1, 1));
        await pair.same(`div ${dtype} of ${size} elements from ${a} and ${b}`, compute);
      }
    }
    const scalar = (device: Device): Tensor => numbers([1030], dtype, device).mul(numbers([], dtype, device, 3));
    await pair.same(`mul ${dtype} with a scalar`, scalar);
    const six = [2, 3, 2, 3, 2, 4];
    for (const other of [[2, 1, 2, 1, 2, 1], [3, 1, 3, 1, 4], [1, 3, 1, 3, 1, 4], [2, 1, 2, 1, 2, 4]]) {
      const compute = (device: Device): Tensor => numbers(other, dtype, device).maximum(numbers(six, dtype, device));
      await pair.same(`maximum ${dtype} [${other}] and six axes`, compute);
    }
  }
  for (const dtype of ["f32", "bf16", "i32"] as const) {
    for (const [left, right] of [[[4, 9], [9]], [[4, 8], [4, 1]], [[33], [33]], [[], [5]]] as const) {
      for (const op of ["equal", "greater", "greaterEqual", "less", "lessEqual"] as const) {
        const compute = (device: Device): Tensor =>
          numbers(left, dtype, device, 1)[op](numbers(right, dtype, device, 1));
        await pair.same(`${op} ${dtype} [${left}] and [${right}]`, compute);
      }
    }
  }
});

Deno.test("elements on the emulated GPU: functions of one tensor, of views that begin anywhere, with rests", async () => {
  using pair = new Pair();
  for (const dtype of ["f32", "bf16"] as const) {
    for (const size of [0, 1, 3, 4, 8, 9, 1030]) {
      for (const first of [0, 1, 8]) {
        const what = `${dtype} of ${size} elements from ${first}`;
        await pair.same(`affine ${what}`, (device) => numbers([size], dtype, device, first).affine(0.5, -3));
        await pair.same(`relu_backward ${what}`, (device) => {
          const x = numbers([size], dtype, device, first).affine(1, -100);
          return applyOne("relu_backward", [x, numbers([size], dtype, device, 2 * first)], {});
        });
      }
    }
  }
});

Deno.test("elements on the emulated GPU: copies move as many bytes at once as they can, and always the right ones", async () => {
  using pair = new Pair();
  const before = emulator.launchesByName();
  for (const dtype of DTYPES) {
    const shape = [2, 3, 4, 16];
    for (const from of broadcasts(shape)) {
      for (const first of [0, 1]) {
        const compute = (device: Device): Tensor => broadcastTo(numbers(from, dtype, device, first), shape);
        await pair.same(`broadcast_to ${dtype} [${from}] from ${first}`, compute);
      }
    }
    for (
      const [starts, sizes] of [
        [[1, 0, 0, 0], [1, 3, 4, 16]],
        [[0, 1, 1, 0], [2, 2, 3, 16]],
        [[0, 0, 0, 3], [
          2,
          3,
          4,
          5,
        ]],
        [[0, 0, 0, 8], [2, 3, 4, 8]],
        [[1, 2, 3, 15], [1, 1, 1, 1]],
        [[0, 0, 0, 0], [2, 0, 4, 16]],
      ] as const
    ) {
      for (const first of [0, 2, 3]) {
        const compute = (device: Device): Tensor => slice(numbers(shape, dtype, device, first), starts, sizes);
        await pair.same(`slice ${dtype} [${starts}] [${sizes}] from ${first}`, compute);
      }
    }
    for (const axis of [0, 1, 2]) {
      for (const widths of [[1, 2, 3], [16], [4, 0, 8], [5, 16, 1]]) {
        const compute = (device: Device): Tensor =>
          concat(widths.map((width, i) => numbers([2, 4, 3].with(axis, width), dtype, device, i)), axis);
        await pair.same(`concat ${dtype} of [${widths}] along ${axis}`, compute);
      }
    }
    await pair.same(`cast ${dtype} to itself`, (device) => cast(numbers([67], dtype, device, 1), dtype));
  }
  assertEquals(named(before, "copy_"), ["copy_1", "copy_16", "copy_2", "copy_4", "copy_8"]);
  assertEquals(named(before, "spread_"), ["spread_1", "spread_2", "spread_4"]);
});

Deno.test("elements on the emulated GPU: transposes in every order, by tiles and without", async () => {
  using pair = new Pair();
  const before = emulator.launchesByName();
  for (const dtype of DTYPES) {
    for (const shape of [[], [5], [40, 33], [1, 64], [64, 3], [2, 17, 3, 19], [2, 3, 2, 2, 16, 18]]) {
      const orders = shape.length < 6
        ? permutations(shape.length)
        : [[0, 1, 2, 3, 5, 4], [5, 4, 3, 2, 1, 0], [4, 0, 5, 1, 3, 2]];
      for (const order of orders) {
        const compute = (device: Device): Tensor => transpose(numbers(shape, dtype, device, 1), order);
        await pair.same(`transpose ${dtype} [${shape}] by [${order}]`, compute);
      }
    }
    await pair.same(
      `transpose ${dtype} of nothing`,
      (device) => transpose(numbers([3, 0, 2], dtype, device), [2, 0, 1]),
    );
  }
  assertEquals(named(before, "transpose_"), ["transpose_1", "transpose_2", "transpose_4"]);
});

Deno.test("elements on the emulated GPU: padding by any counts, of views that begin anywhere", async () => {
  using pair = new Pair();
  const started = emulator.launchesByName();
  for (const dtype of DTYPES) {
    for (
      const [shape, before, after] of [
        [[2, 3, 5, 8], [0, 1, 2, 0], [0, 1, 1, 0]],
        [[2, 3, 4, 16], [1, 0, 0, 16], [2, 0, 0, 32]],
        [[2, 3, 5, 7], [0, 0, 0, 3], [1, 0, 0, 0]],
        [[4, 4], [0, 0], [0, 0]],
        [[3, 0], [1, 2], [0, 1]],
        [[], [], []],
        [[2, 1, 2, 1, 2, 3], [1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]],
      ] as const
    ) {
      for (const first of [0, 1, 4]) {
        const compute = (device: Device): Tensor =>
          pad(numbers(shape, dtype, device, first), { before, after, value: 9 });
        await pair.same(`pad ${dtype} [${shape}] by [${before}] and [${after}] from ${first}`, compute);
      }
    }
  }
  assertEquals(named(started, "pad_"), ["pad_1", "pad_16", "pad_2", "pad_4", "pad_8"]);
});

Deno.test("elements on the emulated GPU: rows by number, one-hot rows, fills and writes", async () => {
  using pair = new Pair();
  const index = (device: Device): Tensor => tensor([4, 0, 0, 3, 1, 4, 2], [7], { dtype: "i32", device });
  for (const dtype of DTYPES) {
    for (const width of [[], [1], [3], [4, 2], [2, 16], [0]]) {
      for (const first of [0, 1, 4]) {
        const compute = (device: Device): Tensor =>
          gatherRows(numbers([5, ...width], dtype, device, first), index(device));
        await pair.same(`gather_rows ${dtype} of rows of [${width}] from ${first}`, compute);
      }
    }
    for (const classes of [5, 8, 300]) {
      await pair.same(`one_hot ${dtype}, ${classes} classes`, (device) => oneHot(index(device), { classes, dtype }));
    }
    for (const size of [0, 1, 5, 16, 67]) {
      await pair.same(`full ${dtype}, ${size} elements`, (device) => full([size], 3, { dtype, device }));
      for (const first of [0, 1, 3]) {
        await pair.same(`fill ${dtype}, ${size} elements from ${first}`, (device) => {
          const all = numbers([first + size + 2], dtype, device);
          all.narrow(first, size).fill(7);
          return all;
        });
        await pair.same(`assign ${dtype}, ${size} elements from ${first}`, (device) => {
          const all = numbers([first + size + 2], dtype, device);
          all.narrow(first, size).assign(numbers([size], dtype, device, 2 * first));
          return all;
        });
      }
    }
  }
});

Deno.test("elements on the emulated GPU: choices by a condition, in every combination of broadcast axes", async () => {
  using pair = new Pair();
  for (const dtype of DTYPES) {
    for (const kind of DTYPES) {
      for (const shape of [[2, 3, 8], [3, 5]]) {
        for (const [i, condition] of broadcasts(shape).entries()) {
          for (const a of broadcasts(shape)) {
            const b = broadcasts(shape)[(i + 3) % 2 ** shape.length]!;
            await pair.same(`where ${kind} [${condition}] of ${dtype} [${a}] and [${b}]`, (device) => {
              const holds = numbers(condition, "i32", device, 1).greater(100).to(kind);
              return where(holds, numbers(a, dtype, device, 1), numbers(b, dtype, device, 3));
            });
          }
        }
      }
    }
  }
});

Deno.test("elements on the emulated GPU: numbers in equal steps are those of the CPU", async () => {
  using pair = new Pair();
  for (const dtype of ["f32", "bf16"] as const) {
    for (const [start, end, step] of [[0, 1, 0.1], [-3, 1000, 1 / 3], [5, -5, -0.7], [0, 0, 1]] as const) {
      await pair.same(`arange ${dtype} ${start} ${end}`, (device) => arange(start, end, { step, dtype, device }));
    }
  }
  for (const dtype of ["i32", "u8"] as const) {
    await pair.same(`arange ${dtype}`, (device) => arange(3, 250, { step: 7, dtype, device }));
  }
});

Deno.test("elements on the emulated GPU: gradients of rows that were taken, in every cut, are the CPU's very bits", async () => {
  using pair = new Pair();
  for (const dtype of ["f32", "bf16"] as const) {
    for (
      const [rows, width, count] of [[5, 1, 30], [7, 131, 20], [3, 300, 2100], [300, 520, 40], [4, 3, 0], [
        1,
        128,
        9,
      ]] as const
    ) {
      await pair.same(`gather_rows_backward ${dtype} [${rows}, ${width}], ${count} places`, (device) => {
        const index = tensor(Int32Array.from({ length: count }, (_, i) => i * i * 7 % rows), { device });
        const dy = numbers([count, width], dtype, device, 1).affine(0.37, -20);
        return applyOne("gather_rows_backward", [index, dy], { rows });
      });
    }
  }
});

Deno.test("elements on the emulated GPU: casts between all dtypes, of numbers beyond their ranges", async () => {
  using pair = new Pair();
  const hard = [NaN, Infinity, -Infinity, 0, -0.75, 0.75, 2.999, -2.999, 254.9, 255, 256, -5, 3e9, -3e9, 2147483520];
  for (const from of DTYPES) {
    for (const to of DTYPES) {
      for (const size of [0, 1, 5, 16, 67]) {
        await pair.same(
          `cast ${from} to ${to}, ${size} elements`,
          (device) => cast(numbers([size], from, device, 1), to),
        );
      }
      if (from === "f32" || from === "bf16") {
        await pair.same(
          `cast hard ${from} to ${to}`,
          (device) => cast(tensor(hard, [15], { dtype: from, device }), to),
        );
      }
    }
  }
  const large = [2147483647, -2147483648, 16777217, -33554435, 1000, -1];
  for (const to of DTYPES) {
    await pair.same(`cast large i32 to ${to}`, (device) => cast(tensor(large, [6], { dtype: "i32", device }), to));
  }
});

Deno.test("elements on the emulated GPU: random numbers are those of the CPU", async () => {
  using pair = new Pair();
  for (const dtype of ["f32", "bf16"] as const) {
    for (const size of [0, 1, 4, 6, 5003]) {
      const options = (device: Device) => ({ dtype, device, seed: 42, stream: 7 });
      await pair.same(
        `rand ${dtype} of ${size}`,
        (device) => rand([size], { ...options(device), low: -0.3, high: 1.7 }),
      );
      await pair.same(
        `randn ${dtype} of ${size}`,
        (device) => randn([size], { ...options(device), mean: 3, std: 0.1 }),
      );
    }
  }
});

Deno.test("elements on the emulated GPU: numbers out of range are told as on the CPU, and nothing is written after", async () => {
  using pair = new Pair();
  const bad: Record<string, (device: Device) => Tensor> = {
    one_hot: (device) => oneHot(tensor([1, 0, -4, 9], [4], { dtype: "i32", device }), { classes: 3 }),
    gather_rows: (device) =>
      gatherRows(numbers([5, 6], "u8", device), tensor([1, 5, 0, -1], [4], { dtype: "i32", device })),
    gather_rows_backward: (device) =>
      applyOne("gather_rows_backward", [
        tensor([1, 5, 0, -1], [4], { dtype: "i32", device }),
        numbers([4, 6], "f32", device),
      ], { rows: 5 }),
    "gather_rows without elements": (device) =>
      gatherRows(numbers([5, 0], "f32", device), tensor([4, -2], [2], { dtype: "i32", device })),
  };
  for (const [name, compute] of Object.entries(bad)) {
    const messages = [];
    for (const device of [pair.cpu, pair.cuda]) {
      using kept = numbers([9], "f32", device);
      using other = numbers([9], "f32", device, 4);
      await device.synchronize();
      using _ = scope(() => compute(device));
      kept.fill(1);
      kept.assign(other);
      const error = await assertRejects(() => device.synchronize(), LateError);
      messages.push(error.message.replace(/ \(record \d+\)/, ""));
      await device.recover();
      assertEquals((await kept.data())[0], 11, `${name}: written after the error`);
    }
    assertEquals(messages[1], messages[0], name);
  }
});
