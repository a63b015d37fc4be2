/** What newcomers write first, and wrong types from plain JavaScript: the message says what to write. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  batchNorm,
  capture,
  concat,
  conv2d,
  crossEntropy,
  Device,
  full,
  gatherRows,
  gradCheck,
  leakyRelu,
  linear,
  maxPool2d,
  noGrad,
  oneHot,
  ones,
  pad,
  rand,
  randn,
  scope,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
} from "../../../mod.ts";

/** A value of a type that the compiler would refuse. */
const wrong = (value: unknown): never => value as never;

const labels = (): Tensor => tensor([1, 0], { dtype: "i32" });

const CASES: readonly [name: string, call: () => unknown, message: string][] = [
  [
    "crossEntropy() says that labels are i32",
    () => crossEntropy(zeros([2, 3]), tensor([1, 0])),
    'crossEntropy(): Expected labels [n] of dtype i32, got f32: make them with { dtype: "i32" }, or call to("i32") on them',
  ],
  [
    "conv2d() says that channels come last in images",
    () => conv2d(zeros([1, 3, 8, 8]), zeros([4, 3, 3, 3])),
    "conv2d(): Expected `x` as [n, h, w, c], got shape [1, 3, 8, 8], which looks like channels first: " +
    "transpose([0, 2, 3, 1]) moves them last",
  ],
  [
    "conv2d() says that channels come last in weights",
    () => conv2d(zeros([1, 8, 8, 3]), zeros([4, 3, 5, 5])),
    "conv2d(): Expected `weight` as [out, kh, kw, in / groups], got shape [4, 3, 5, 5], which looks like channels first: " +
    "transpose([0, 2, 3, 1]) moves them last",
  ],
  [
    "linear() speaks of its own arguments",
    () => linear(zeros([2, 5]), zeros([3, 4])),
    "linear(): Expected `x` [.., in] for a `weight` [out, in], got shapes [2, 5] and [3, 4]",
  ],
  [
    "sum() says how axes are given",
    () => zeros([2, 3]).sum(wrong({ axis: 0 })),
    "sum(): Expected axes as a number or an array of numbers, got an object: write sum(0), sum([0, 1]) or " +
    "sum(0, { keepDims: true })",
  ],
  [
    "min() says how axes are given",
    () => zeros([2, 3]).min(wrong({ dim: 0 })),
    "min(): Expected axes as a number or an array of numbers, got an object: write min(0), min([0, 1]) or",
  ],
  [
    "variance() says how axes are given",
    () => zeros([2, 3]).variance(wrong({ dim: 0 })),
    "variance(): Expected axes as a number or an array of numbers, got an object: write variance(0)",
  ],
  [
    "mean() knows PyTorch's name of an option",
    () => zeros([2, 3]).mean(0, wrong({ keepdim: true })),
    "mean(): Expected options among keepDims, got `keepdim`: it is called keepDims here",
  ],
  [
    "variance() knows PyTorch's name of an option",
    () => zeros([2, 3]).variance(0, wrong({ unbiased: false })),
    "variance(): Expected options among keepDims, correction, got `unbiased`: { correction: 0 } divides by n",
  ],
  [
    "crossEntropy() knows PyTorch's name of an option",
    () => crossEntropy(zeros([2, 3]), labels(), wrong({ label_smoothing: 0.1 })),
    "crossEntropy(): Expected options among labelSmoothing, got `label_smoothing`: it is called labelSmoothing here",
  ],
  [
    "leakyRelu() takes options",
    () => leakyRelu(zeros([1]), wrong(0.2)),
    "leakyRelu(): Expected options, got 0.2: write leakyRelu(x, { negativeSlope: 0.2 })",
  ],
  [
    "where() asks for a condition",
    () => where(wrong(true), zeros([1]), zeros([1])),
    "where(): Expected `condition` as a Tensor, got true",
  ],
  [
    "where() asks for values",
    () => where(zeros([1]), zeros([1]), wrong([0])),
    "where(): Expected `b` as a Tensor or a number, got [0]",
  ],
  [
    "stack() asks for one shape",
    () => stack([zeros([2]), zeros([3])]),
    "stack(): Expected tensors of one shape, got [2] and [3] (parts[1]): concat() joins along an axis that is there",
  ],
  ["stack() takes an array", () => stack(wrong(zeros([1]))), "stack(): Expected an array of tensors, got Tensor([1]"],
  ["split() takes an axis", () => zeros([2]).split(1, wrong({ axis: 0 })), "got an object: write split(2, 1)"],
  [
    "gatherRows() asks for i32",
    () => gatherRows(zeros([2]), zeros([1])),
    "gatherRows(): Expected `index` of dtype i32, got f32",
  ],
  [
    "argmax() says how an axis is given",
    () => zeros([2, 3]).argmax(wrong({ axis: 0 })),
    "argmax(): Expected axes as a number or an array of numbers, got an object: write argmax(0)",
  ],
  [
    "ones() asks for a shape",
    () => ones(wrong(undefined)),
    "ones(): Expected `shape` as an array of numbers, got undefined",
  ],
  [
    "zeros() of a number says how a shape is given",
    () => zeros(wrong(3)),
    "zeros(): Expected `shape` as an array of numbers, got 3: write zeros([3])",
  ],
  ["full() asks for a shape", () => full(wrong("2"), 1), 'full(): Expected `shape` as an array of numbers, got "2"'],
  ["randn() asks for a shape", () => randn(wrong(null)), "randn(): Expected `shape` as an array of numbers, got null"],
  [
    "rand() asks for numbers",
    () => rand(wrong([2, "3"])),
    "rand(): Expected `shape` as an array of numbers, got [2, 3]",
  ],
  [
    "tensor() takes a shape or options",
    () => tensor([1], wrong(1)),
    "tensor(): Expected `shape` as an array of sizes, or options, got 1",
  ],
  ["reshape() says how a shape is given", () => zeros([6]).reshape(wrong(6)), "got 6: write reshape([6])"],
  ["transpose() takes an array", () => zeros([2, 2]).transpose(wrong(1)), "got 1: write transpose([1, 0])"],
  [
    "slice() takes arrays",
    () => zeros([2]).slice(wrong(0), [1]),
    "slice(): Expected `starts` as an array of numbers, got 0",
  ],
  ["broadcastTo() takes an array", () => zeros([1]).broadcastTo(wrong(3)), "got 3: write broadcastTo([3])"],
  ["oneHot() asks for its options", () => oneHot(labels(), wrong(undefined)), "write oneHot(labels, { classes: 10 })"],
  [
    "oneHot() asks for classes",
    () => oneHot(labels(), wrong({})),
    "oneHot(): Expected `classes` as a whole number, got undefined",
  ],
  [
    "oneHot() asks for labels",
    () => oneHot(wrong([1]), { classes: 2 }),
    "oneHot(): Expected `labels` as a Tensor, got [1]",
  ],
  ["pad() asks for its options", () => pad(zeros([1]), wrong(undefined)), "pad(): Expected options, got undefined"],
  [
    "concat() takes an array",
    () => concat(wrong(zeros([1]))),
    "concat(): Expected an array of tensors, got Tensor([1], f32, cpu)",
  ],
  ["concat() takes an axis", () => concat([zeros([1])], wrong({ axis: 0 })), "got an object: write concat(parts, 1)"],
  [
    "maxPool2d() asks for a kernel",
    () => maxPool2d(zeros([1, 2, 2, 1]), wrong(undefined)),
    "write maxPool2d(x, { kernel: 2 })",
  ],
  [
    "batchNorm() asks for its options",
    () => batchNorm(zeros([2, 1]), wrong(undefined)),
    "batchNorm(): Expected options, got undefined",
  ],
  [
    "gatherRows() asks for tensors",
    () => gatherRows(zeros([2]), wrong([0])),
    "gatherRows(): Expected `index` as a Tensor, got [0]",
  ],
  ["zeros() takes options", () => zeros([1], wrong(null)), "zeros(): Expected options, got null: write zeros(shape, {"],
  [
    "conv2d() takes options",
    () => conv2d(zeros([1, 2, 2, 1]), zeros([1, 1, 1, 1]), wrong(2)),
    "conv2d(): Expected options, got 2",
  ],
  ["sum() takes options", () => zeros([1]).sum(0, wrong(true)), "sum(): Expected options, got true: write sum(0, {"],
  ["scope() asks for a function", () => scope(wrong(1)), "scope(): Expected a function, got number"],
  ["noGrad() asks for a function", () => noGrad(wrong(1)), "noGrad(): Expected a function, got number"],
  ["capture() asks for a function", () => capture(wrong(1)), "capture(): Expected a function, got number"],
];

for (const [name, call, message] of CASES) {
  Deno.test(name, () => {
    assertThrows(() => scope(() => void call()), TypeError, message);
  });
}

Deno.test("tensor() takes options in the place of the shape", async () => {
  using device = new Device("cpu", { threads: 1 });
  using labels = tensor([3, 1], { dtype: "i32", device });
  assertEquals([labels.dtype, [...labels.shape], labels.device], ["i32", [2], device]);
  using shaped = tensor([1, 2, 3, 4], [2, 2], { device });
  assertEquals([[...shaped.shape], [...await shaped.data()]], [[2, 2], [1, 2, 3, 4]]);
  using without = tensor([[1], [2]], undefined, { device });
  assertEquals([...without.shape], [2, 1]);
});

Deno.test("gatherRows() has a gradient: rows that are taken twice get both", async () => {
  using device = new Device("cpu", { threads: 1 });
  using table = randn([4, 3], { dtype: "f64", device, seed: 1 });
  using index = tensor([2, 0, 2], { dtype: "i32", device });
  await gradCheck((table: Tensor) => gatherRows(table, index).mul(gatherRows(table, index)), [table]);
  table.requireGrad();
  scope(() => gatherRows(table, index).sum().backward());
  assertEquals([...await table.grad!.data()], [1, 1, 1, 0, 0, 0, 2, 2, 2, 0, 0, 0]);
});

Deno.test("capture: a leaf that a defined op reads alone is recorded anew once it wants a gradient", async () => {
  using device = new Device("cpu", { threads: 1 });
  using table = ones([2, 1], { device });
  using other = ones([1], { device }).requireGrad();
  using index = tensor([1], { dtype: "i32", device });
  using step = capture((index: Tensor) => {
    const loss = gatherRows(table, index).mul(other).sum();
    loss.backward();
    const seen = table.grad === null ? zeros([2, 1], { device }) : table.takeGrad()!;
    other.takeGrad()?.dispose();
    return seen;
  });
  const read = async (): Promise<number[]> => {
    using seen = step(index);
    return [...await seen.data()];
  };
  for (let i = 0; i < 3; i++) assertEquals(await read(), [0, 0]);
  table.requireGrad();
  for (let i = 0; i < 3; i++) assertEquals(await read(), [0, 1]);
});
