/** Checkpoints that somebody wrote by hand, sums and all: whatever is in them, what comes is an answer or a typed error. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { LibtrainError, loadCheckpoint, recipe, saveCheckpoint } from "../../../mod.ts";
import { long } from "../../long.ts";
import { tempFolder } from "../../temp_folder.ts";

const hostile: readonly unknown[] = [null, -1, 0.5, 1e15, 1.7e308, 2 ** 40, "text", "", true, [], [null], [1e9], {}, {
  a: [],
}];

type Tree = Record<string, unknown>;

/** Every place of a value, as paths. */
function placesOf(value: unknown, path: readonly string[] = []): string[][] {
  const own = path.length === 0 ? [] : [[...path]];
  if (typeof value !== "object" || value === null) return own;
  return [...own, ...Object.entries(value).flatMap(([name, inner]) => placesOf(inner, [...path, name]))];
}

function withAt(value: unknown, [name = "", ...rest]: readonly string[], put: unknown): unknown {
  if (Array.isArray(value)) {
    return value.with(Number(name), rest.length === 0 ? put : withAt(value[Number(name)], rest, put));
  }
  return { ...value as Tree, [name]: rest.length === 0 ? put : withAt((value as Tree)[name], rest, put) };
}

/** An error that says what is wrong, and is no accident of JavaScript's. */
function isTyped(error: unknown): boolean {
  return error instanceof LibtrainError ||
    (error instanceof RangeError || error instanceof TypeError) && /^(\w+(\(\))?: )?Expected /.test(error.message);
}

/** Tries every `stride`-th place. */
async function tryAll(stride: number): Promise<void> {
  using folder = tempFolder();
  const mine = recipe.preset("mnist", { epochs: 2, bs: 32, data: { limit: 64 }, threads: 1 });
  const stop = new AbortController();
  const training = recipe.train(mine, { out: folder.path, signal: stop.signal });
  for await (const { type } of training) if (type === "batchEnd") stop.abort();
  const { folder: run } = await training.result;
  const path = join(run, "checkpoint", "state.safetensors");
  const { state, config } = await loadCheckpoint(path);
  const image = "tests/fixtures/images/grey.jpg";
  const wrong: string[] = [];
  let refused = 0;
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      refused++;
      if (!isTyped(error)) wrong.push(`${what}: ${(error as Error).name}: ${(error as Error).message}`);
    }
  };
  const forged = async (what: string, parts: { state?: unknown; config?: unknown }): Promise<void> => {
    await Deno.remove(path).catch(() => {});
    await saveCheckpoint(path, { state, config, ...parts } as Parameters<typeof saveCheckpoint>[1]);
    await attempt(`open ${what}`, async () => {
      using trained = await recipe.open(path, { device: "cpu", threads: 1 });
      await trained.predict([image]);
    });
    await attempt(`resume ${what}`, async () => {
      const aborted = new AbortController();
      const going = recipe.resume(run, { force: true, signal: aborted.signal });
      // Far enough: everything is built by then.
      for await (const { type } of going) if (type === "ready") aborted.abort();
      await going.result;
    });
  };
  let place = 0;
  for (const at of placesOf(config).filter((_, count) => count % stride === 0)) {
    // Two of the values a place, all of them in turn.
    for (const put of [hostile[place % hostile.length], hostile[(place + 5) % hostile.length]]) {
      await forged(`config.${at.join(".")} = ${JSON.stringify(put)}`, { config: withAt(config, at, put) });
    }
    place += 3;
  }
  for (const at of placesOf(state.counters).filter((_, count) => count % stride === 0)) {
    for (const put of [hostile[place % hostile.length], hostile[(place + 5) % hostile.length]]) {
      const counters = withAt(state.counters, at, put);
      await forged(`counters.${at.join(".")} = ${JSON.stringify(put)}`, { state: { ...state, counters } });
    }
    place += 3;
  }
  assertEquals(wrong, [], wrong.join("\n"));
  assert(refused > 100 / stride, `${refused} of them were refused`);
}

Deno.test("forged checkpoints: some places of configuration and counters, with values that they never have", () =>
  tryAll(20));

long(
  "forged checkpoints: each place of configuration and counters",
  "a resume for each of some hundred",
  () => tryAll(1),
);
