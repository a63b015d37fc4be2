/** What a model is made of: layers, shapes, parameters, multiply-adds. */
import type { DtypeName } from "../ffi/codes.ts";
import { defaultDevice } from "../tensor/device.ts";
import { type TensorOptions, zeros } from "../tensor/create.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope } from "../tensor/scope.ts";
import { kindOf, requireOptionsOf } from "../tensor/ops/checks.ts";
import { Tensor } from "../tensor/tensor.ts";
import { leavesOf, type Tensors } from "../tensor/tensors.ts";
import { requireForward } from "./checks.ts";
import { SqueezeExcitation } from "./blocks.ts";
import { MultiHeadAttention } from "./attention.ts";
import { Conv2d, Linear } from "./layers.ts";
import type { AnyModule } from "./module.ts";
import { ConvTranspose2d } from "./upsample.ts";

/** Sizes of a network's input; of several tensors in the arrays and objects that it takes. */
export type Shapes = readonly number[] | readonly Shapes[] | { readonly [name: string]: Shapes };

/** One layer of a summary. */
export interface SummaryRow {
  /** Where it is in the model. */
  path: string;
  /** Its class. */
  kind: string;
  /** Sizes of its output, of several the first. */
  outputShape: readonly number[];
  /** Sizes of each tensor of its output. */
  outputShapes: readonly (readonly number[])[];
  /** Elements of its parameters. */
  parameters: number;
  /** Multiply-adds of its products for the whole batch. */
  macs: number;
}

/** How a model is looked at. */
export interface SummaryOptions {
  /** Of the input; by default that of the model's parameters. Numbers that an `Embedding` takes are i32. */
  dtype?: DtypeName;
}

/** Modules that are a layer of their own though they are made of others. */
const WHOLE = [SqueezeExcitation, MultiHeadAttention];

/** The layers that a batch of a shape goes through, in order. */
export function summaryRows(model: AnyModule, inputShape: Shapes, options: SummaryOptions = {}): SummaryRow[] {
  requireForward("summary", "model", model);
  requireOptionsOf("summary", options, { example: 'summary(model, [1, 8], { dtype: "i32" })', known: ["dtype"] });
  const { dtype } = options;
  const rows: SummaryRow[] = [];
  const modules = [...model.modules()];
  const whole = modules.filter(([, module]) => WHOLE.some((kind) => module instanceof kind)).map(([path]) => path);
  const leaves = modules.filter(([path, module]) =>
    whole.includes(path) || (module.children().size === 0 && !whole.some((outer) => isInside(path, outer)))
  );
  const first = model.namedParameters().values().next().value;
  const wasTraining = model.training;
  for (const [path, module] of leaves) observe(module, path, rows);
  model.eval();
  try {
    scope(() => {
      const place = { dtype: dtype ?? first?.dtype ?? "f32", device: first?.device ?? defaultDevice() };
      noGrad(() => void model.forward(inputOf(inputShape, place)));
    });
  } finally {
    for (const [, module] of leaves) Reflect.deleteProperty(module, "forward");
    model.train(wasTraining);
  }
  return rows;
}

/** Zeros of some shapes, as the network takes them. */
function inputOf(shapes: Shapes, options: TensorOptions): Tensors {
  if (typeof shapes !== "object" || shapes === null || shapes instanceof Tensor) {
    throw new TypeError(`summary(): Expected \`inputShape\` as sizes, say [1, 28, 28, 1], got ${kindOf(shapes)}`);
  }
  if (!Array.isArray(shapes)) {
    return Object.fromEntries(Object.entries(shapes).map(([name, inner]) => [name, inputOf(inner, options)]));
  }
  const list = shapes as readonly (number | Shapes)[];
  if (list.every((size) => typeof size === "number")) return zeros(list, options);
  return list.map((inner) => inputOf(inner as Shapes, options));
}

function isInside(path: string, outer: string): boolean {
  return outer === "" || path.startsWith(`${outer}.`);
}

/** Puts a forward that takes notes before the class's own. */
function observe(module: AnyModule, path: string, rows: SummaryRow[]): void {
  const forward = module.forward.bind(module) as (...args: unknown[]) => Tensors;
  Object.defineProperty(module, "forward", {
    configurable: true,
    value: (...args: unknown[]): Tensors => {
      const y = forward(...args);
      const outputs = leavesOf(y, `${module.constructor.name}.forward`, "output");
      const outputShapes = outputs.map(({ shape }) => shape);
      const parameters = [...module.namedParameters().values()].reduce((sum, parameter) => sum + parameter.size, 0);
      const macs = macsOf(module, args[0], outputs[0]!);
      rows.push({ path, kind: module.constructor.name, outputShape: outputShapes[0]!, outputShapes, parameters, macs });
      return y;
    },
  });
}

function macsOf(module: AnyModule, x: unknown, y: Tensor): number {
  if (module instanceof MultiHeadAttention) {
    const [n = 1, length = 1, features = 1] = y.shape;
    // Four layers, then queries with keys and shares with values.
    return n * length * (4 * features * features + 2 * length * features);
  }
  if (module instanceof ConvTranspose2d) {
    const [n = 1, h = 1, w = 1] = (x as Tensor).shape;
    return n * h * w * module.weight.size;
  }
  if (module instanceof SqueezeExcitation) {
    return (y.shape[0] ?? 1) * (module.reduce.weight.size + module.expand.weight.size);
  }
  if (!(module instanceof Conv2d || module instanceof Linear)) return 0;
  const [out = 1, ...rest] = module.weight.shape;
  return y.size / out * out * rest.reduce((product, size) => product * size, 1);
}

/** A table of the layers with totals, as text. */
export function summary(model: AnyModule, inputShape: Shapes, options: SummaryOptions = {}): string {
  const rows = summaryRows(model, inputShape, options);
  const total = (key: "parameters" | "macs"): number => rows.reduce((sum, row) => sum + row[key], 0);
  const table = [
    ["layer", "kind", "output", "parameters", "MACs"],
    ...rows.map((
      row,
    ) => [
      row.path,
      row.kind,
      row.outputShapes.map((shape) => `[${shape.join(", ")}]`).join(", "),
      group(row.parameters),
      group(row.macs),
    ]),
    ["total", "", "", group(total("parameters")), group(total("macs"))],
  ];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row.map((cell, column) => column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join("  ")
      .trimEnd()
  ).join("\n");
}

function group(value: number): string {
  return value.toLocaleString("en-US");
}
