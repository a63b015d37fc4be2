/**
 * Trains 60 steps, three epochs of 20, of a small network with dropout. Arguments: the run's folder, what to do, at which
 * step, threads, seed. `whole` trains to the end, `die` is killed by itself after that step, `resume` goes on. Says what the state came to.
 */
import { loadCheckpoint, recipe } from "../../../mod.ts";
import { checkpointIn } from "../../../lib/checkpoint/checkpoints.ts";
import { stateSum } from "../state_sum.ts";
import "./dropout_net.ts";

const [folder = "", what = "whole", at = "0", threads = "1", seed = "5"] = Deno.args;

const mine = recipe.preset("mnist", {
  model: { name: "tortureNet" },
  data: { limit: 320 },
  bs: 16,
  epochs: 3,
  ema: 0.9,
  seed: Number(seed),
  device: "cpu",
  threads: Number(threads),
});

const training = what === "resume"
  ? recipe.resume(folder, { changes: { threads: Number(threads) } })
  : recipe.train(mine, { folder, saveEvery: 0 });
for await (const event of training) {
  if (what === "die" && event.type === "batchEnd" && event.step === Number(at)) Deno.kill(Deno.pid, "SIGKILL");
}
const { steps } = await training.result;
const { state } = await loadCheckpoint(checkpointIn(folder));
console.log(JSON.stringify({ steps, sum: await stateSum(state) }));
