/** A server with a model in service, as whoever submits a job gets one. */
import { join } from "@std/path";
import { Device, loadWeights, recipe, saveWeights } from "../../mod.ts";
import { UsageError } from "../../lib/cli/flags.ts";
import { filesInTar } from "../../lib/data/tar_entry.ts";
import { asked, jobResult, type Serving, serving } from "../torture/server.ts";
import type { Question } from "./load.ts";

/** What is served: the entry's network with photographs, or MNIST's with digits. */
export type Served = "imagenette" | "mnist";

/** Where a measurement keeps its server's state, photographs and weights. */
export const folder = ".cache/bench-serve";

/** Flags of what measures served models. */
export const servedFlags = {
  models: { kind: "string", placeholder: "words", default: "imagenette,mnist", help: "imagenette, mnist or both" },
  dtypes: { kind: "string", placeholder: "words", default: "f32", help: "f32, bf16 or both, joined by commas" },
  rounds: { kind: "integer", min: 1, default: 3, help: "Rounds of each, in turn" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  data: {
    kind: "string",
    placeholder: "file",
    path: true,
    default: "../shared/data/imagenette2-224.tgz",
    help: "An archive of Imagenette's family, of which photographs are taken",
  },
} as const;

/** Refuses an archive that is not there, before anything is measured. */
export async function requireArchive(path: string): Promise<void> {
  if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return;
  throw new UsageError(`Expected --data as an archive of Imagenette's family, got "${path}", which is not there`);
}

/** Photographs of each class that clients ask. */
const perClass = 8;

/** The first photographs of each class from an archive of the family, and a folder that has them as a data set. */
export async function photographs(archive: string, out: string, count = perClass): Promise<Question[]> {
  const taken = new Map<string, Uint8Array<ArrayBuffer>[]>();
  const classOf = (path: string): string | undefined => /\/val\/([^/]+)\/[^/]+\.JPEG$/.exec(path)?.[1];
  const fits = (path: string): boolean => {
    const name = classOf(path);
    return name !== undefined && (taken.get(name)?.length ?? 0) < count;
  };
  for await (const { path, bytes } of filesInTar(archive, fits)) {
    const name = classOf(path)!;
    taken.set(name, [...taken.get(name) ?? [], bytes]);
  }
  if (taken.size === 0) throw new Error(`Expected an archive of Imagenette's family, got "${archive}"`);
  for (const part of ["train", "val"]) {
    for (const [name, images] of taken) {
      await Deno.mkdir(join(out, part, name), { recursive: true });
      for (const [at, bytes] of images.entries()) await Deno.writeFile(join(out, part, name, `${at}.JPEG`), bytes);
    }
  }
  return [...taken.values()].flat().map((body) => ({ body, type: "image/jpeg" }));
}

/** Digits as PNG files. */
export async function digits(): Promise<Question[]> {
  const image = new URL("../../tests/fixtures/images/png_grey.png", import.meta.url);
  return [{ body: await Deno.readFile(image), type: "image/png" }];
}

/** A server, the run whose model it serves, and that model's weights as PyTorch takes them. */
export interface ServedModel {
  readonly server: Serving;
  readonly run: string;
  readonly weights: string;
}

/** A run's weights under the library's names, which tests/fixtures/xresnet_torch.py has. */
async function ownWeights(run: string, out: string): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(join(run, "config.json")));
  using device = new Device("cpu");
  using model = recipe.buildModel(config, device);
  await loadWeights(model, run);
  await saveWeights(model, out);
}

/** Trains a model for a moment as a job, and takes it into service. */
export async function servedModel(
  what: Served,
  { dtype, photos, threads }: { dtype: "f32" | "bf16"; photos: string; threads: number },
): Promise<ServedModel> {
  const state = join(folder, `${what}-${dtype}`);
  await Deno.remove(state, { recursive: true }).catch(() => {});
  await Deno.mkdir(photos, { recursive: true });
  const server = await serving(state, {
    args: ["--data-root", photos, "--threads", `${threads}`, "--predict-threads", `${threads}`],
  });
  const job = what === "mnist"
    ? { name: what, preset: "mnist", recipe: { dtype, epochs: 1, data: { limit: 2048 } } }
    : { name: what, preset: "imagenette-128-5", recipe: { dtype, epochs: 1, data: { name: photos } } };
  try {
    await jobResult(server.url, job);
    await asked(server.url, "PUT", `/models/${what}`, { job: what });
    const run = join(state, "jobs", what, "run");
    const weights = join(folder, `${what}-${dtype}.safetensors`);
    if (what === "mnist") await ownWeights(run, weights);
    else await recipe.exportWeights(run, { out: weights });
    return { server, run, weights };
  } catch (error) {
    await server.end("SIGTERM");
    throw error;
  }
}
