/** The learning rate over a training. */
import { stepsIn } from "../../run/run_logs.ts";
import type { Figure } from "../report/page.ts";
import { colorOf } from "./curves.ts";
import type { RunGroup } from "./groups.ts";

/** Points of a recipe's curve, at most: more are closer than pixels. */
const mostPoints = 200;

/** The steps of the first run of each recipe, evenly spread. */
async function rowsOf({ label, runs }: RunGroup): Promise<Record<string, string | number>[]> {
  const [first] = runs.toSorted((a, b) => b.metrics.rows.length - a.metrics.rows.length);
  const { rows } = await stepsIn(first!.folder);
  const count = Math.min(rows.length, mostPoints);
  return Array.from(
    { length: count },
    (_, at) => rows[count === 1 ? 0 : Math.round(at * (rows.length - 1) / (count - 1))]!,
  )
    .flatMap(({ step, lr }) => typeof step !== "number" || typeof lr !== "number" ? [] : [{ recipe: label, step, lr }]);
}

/** The learning rate by step, which is the same for all seeds of a recipe; undefined where no run has written steps. */
export async function rateFigure(groups: readonly RunGroup[]): Promise<Figure | undefined> {
  const rows: Record<string, string | number>[] = [];
  for (const group of groups) rows.push(...await rowsOf(group));
  if (rows.length === 0) return undefined;
  return {
    name: "learning-rate",
    title: "Learning rate by step",
    caption: `As the schedule has it, the same for all seeds; ${mostPoints} steps of a training at most.`,
    spec: {
      height: 200,
      mark: "line",
      encoding: {
        x: { field: "step", type: "quantitative", title: "Step" },
        y: { field: "lr", type: "quantitative", title: "Learning rate", axis: { format: "~g" } },
        color: colorOf(groups),
      },
    },
    rows,
  };
}
