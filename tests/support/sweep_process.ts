/**
 * A sweep on MNIST as a process of its own, which a test kills: `sweep_process.ts FOLDER RUNS`.
 *
 * @module
 */
import { study } from "../../mod.ts";
import { killedPlan } from "./killed_plan.ts";

const [folder = "", runs = "1"] = Deno.args;
const result = await study.sweep(killedPlan(), { folder, runs: Number(runs), saveEvery: 0.05 });
console.log(JSON.stringify(result.arms.map(({ values }) => values)));
