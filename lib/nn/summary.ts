/** What a model is made of: layers, shapes, parameters, multiply-adds. */
import { zeros } from "../tensor/create.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireForward } from "./checks.ts";
import { SqueezeExcitation } from "./blocks.ts";
import { Conv2d, Linear } from "./layers.ts";
import { Module } from "./module.ts";

/** One layer of a summary. */
export interface SummaryRow {
  /** Where it is in the model. */
  path: string;
  /** Its class. */
  kind: string;
  /** Sizes of its output. */
  outputShape: readonly number[];
  /** Elements of its parameters. */
  parameters: number;
  /** Multiply-adds of its products for the whole batch. */
  macs: number;
}

/** The layers that a batch of a shape goes through, in order. */
export function summaryRows(model: Module, inputShape: readonly number[]): SummaryRow[] {
  requireForward("summary", "model", model);
  const rows: SummaryRow[] = [];
  const modules = [...model.modules()];
  // It does its layers' work in one op of its own.
  const whole = modules.filter(([, module]) => module instanceof SqueezeExcitation).map(([path]) => path);
  const leaves = modules.filter(([path, module]) =>
    whole.includes(path) || (module.children().size === 0 && !whole.some((outer) => isInside(path, outer)))
  );
  const first = model.namedParameters().values().next().value;
  const wasTraining = model.training;
  for (const [path, module] of leaves) observe(module, path, rows);
  model.eval();
  try {
    scope(() => {
      const x = zeros(inputShape, first === undefined ? {} : { dtype: first.dtype, device: first.device });
      noGrad(() => void model.forward(x));
    });
  } finally {
    for (const [, module] of leaves) Reflect.deleteProperty(module, "forward");
    model.train(wasTraining);
  }
  return rows;
}

function isInside(path: string, outer: string): boolean {
  return outer === "" || path.startsWith(`${outer}.`);
}

/** Puts a forward that takes notes before the class's own. */
function observe(module: Module, path: string, rows: SummaryRow[]): void {
  const forward = module.forward.bind(module) as (...args: unknown[]) => Tensor;
  Object.defineProperty(module, "forward", {
    configurable: true,
    value: (...args: unknown[]): Tensor => {
      const y = forward(...args);
      const parameters = [...module.namedParameters().values()].reduce((sum, parameter) => sum + parameter.size, 0);
      rows.push({ path, kind: module.constructor.name, outputShape: y.shape, parameters, macs: macsOf(module, y) });
      return y;
    },
  });
}

function macsOf(module: Module, y: Tensor): number {
  if (module instanceof SqueezeExcitation) {
    return (y.shape[0] ?? 1) * (module.reduce.weight.size + module.expand.weight.size);
  }
  if (!(module instanceof Conv2d || module instanceof Linear)) return 0;
  const [out = 1, ...rest] = module.weight.shape;
  return y.size / out * out * rest.reduce((product, size) => product * size, 1);
}

/** A table of the layers with totals, as text. */
export function summary(model: Module, inputShape: readonly number[]): string {
  const rows = summaryRows(model, inputShape);
  const total = (key: "parameters" | "macs"): number => rows.reduce((sum, row) => sum + row[key], 0);
  const table = [
    ["layer", "kind", "output", "parameters", "MACs"],
    ...rows.map((
      row,
    ) => [row.path, row.kind, `[${row.outputShape.join(", ")}]`, group(row.parameters), group(row.macs)]),
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
