/** Reads damaged files. Arguments: folder, kind, tries, seed. Answers what was tried, told and lost. */
import { join } from "@std/path";
import { loadCheckpoint, saveCheckpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { checkpointIn, Checkpoints } from "../../../lib/checkpoint/checkpoints.ts";
import { readSafetensors } from "../../../lib/checkpoint/safetensors.ts";
import type { State } from "../../../lib/checkpoint/state.ts";
import { messageOf } from "../../../lib/cli/command.ts";
import { LibtrainError } from "../../../lib/ffi/errors.ts";
import { savedConfig } from "../../../lib/recipe/saved_config.ts";
import { data, recipe } from "../../../mod.ts";
import { fixture } from "../../../tests/support/image_files.ts";
import { gzip } from "../../../tests/support/tar.ts";
import { removeFiles } from "../files.ts";
import { flipOrCut } from "../mutate.ts";
import { Random } from "../random.ts";
import { stateSum } from "../state_sum.ts";
import { archive } from "../tar_maker.ts";
import "./dropout_net.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What came of it. */
export interface DamageAnswer {
  readonly tried: number;
  /** Refused, or told. */
  readonly detected: number;
  /** Read, and what came out is what was saved. */
  readonly harmless: number;
  readonly lost: readonly string[];
}

const [folder = "", kind = "", tries = "1", seed = "0"] = Deno.args;
const rng = new Random(Number(seed));

/** A whole file, and what comes of reading one: null where the damage is told, else a text that says what was read. */
interface Victim {
  readonly path: string;
  /** More than one file may be damaged. */
  readonly bytes: Bytes;
  read(): Promise<string | null>;
}

/** A small run that is over. */
async function trainedRun(): Promise<string> {
  const run = join(folder, "run");
  const mine = recipe.preset("mnist", {
    model: { name: "tortureNet" },
    data: { limit: 32 },
    bs: 16,
    epochs: 1,
    seed: 1,
    device: "cpu",
    threads: 1,
  });
  await recipe.train(mine, { folder: run }).result;
  return run;
}

async function checkpointVictim(): Promise<Victim> {
  const run = await trainedRun();
  const path = join(folder, "state.safetensors");
  await saveCheckpoint(path, await loadCheckpoint(checkpointIn(run)));
  const read = async (): Promise<string> => {
    const { state, config } = await loadCheckpoint(path);
    return `${await stateSum(state)} ${JSON.stringify(config)}`;
  };
  return { path, bytes: await Deno.readFile(path), read };
}

/** The planted bug: a reader that looks at no sum. */
async function unsummedVictim(): Promise<Victim> {
  const { path, bytes } = await checkpointVictim();
  const read = async (): Promise<string> => {
    const { tensors, metadata } = await readSafetensors(path);
    const counters = JSON.parse(metadata["counters"]!) as State["counters"];
    return `${await stateSum({ tensors, counters })} ${metadata["config"]}`;
  };
  return { path, bytes, read };
}

async function configVictim(): Promise<Victim> {
  const run = await trainedRun();
  const path = join(run, "config.json");
  const found = await new Checkpoints(run).load();
  // A copy that cannot be read is written again, and told; the settings are the checkpoint's in any case.
  const read = async (): Promise<string> => JSON.stringify((await savedConfig(run, found)).config);
  return { path, bytes: await Deno.readFile(path), read };
}

/** Four images of either class, in each part. */
async function images(): Promise<[string, Bytes][]> {
  const names = ["baseline_420.jpg", "png_rgb.png", "grey.jpg"];
  const files = await Promise.all(names.map(fixture));
  return ["train", "val"].flatMap((part) =>
    ["cat", "dog"].flatMap((name) =>
      files.map((bytes, at): [string, Bytes] => [`set/${part}/${name}/${names[at]}`, bytes])
    )
  );
}

/** Every pixel and label of a set, and what it says that it is. */
async function contentOf(path: string, cache: string): Promise<string | null> {
  let told = false;
  const options = { size: 16, cache, threads: 1, onWarning: (): void => void (told = true) };
  const { train, valid } = await data.open(path, options);
  using _train = train;
  using _valid = valid;
  const parts: string[] = [];
  for (const set of [train, valid]) {
    for await (const { images, labels } of set.batches(Math.min(64, set.length), set === train ? { seed: 0 } : {})) {
      const pixels = new Uint8Array((await images.data() as Float32Array<ArrayBuffer>).buffer.slice(0));
      parts.push(new Uint8Array(await crypto.subtle.digest("SHA-256", pixels)).toHex(), String(await labels.data()));
    }
    parts.push(String(set.classes));
  }
  return told ? null : parts.join(" ");
}

async function cacheVictim(): Promise<Victim> {
  const set = join(folder, "set.tar");
  await Deno.writeFile(set, archive((await images()).map(([name, body]) => ({ name, body }))));
  const cache = join(folder, "cache");
  await contentOf(set, cache);
  const [name] = [...Deno.readDirSync(cache)].map((entry) => entry.name).filter((each) => each.includes("train"));
  const path = join(cache, name!);
  await Deno.chmod(path, 0o644);
  return { path, bytes: await Deno.readFile(path), read: () => contentOf(set, cache) };
}

async function archiveVictim(): Promise<Victim> {
  const path = join(folder, "set.tgz");
  const cache = join(folder, "cache");
  await Deno.mkdir(cache);
  const bytes = await gzip(archive((await images()).map(([name, body]) => ({ name, body }))));
  const read = async (): Promise<string | null> => {
    // What another archive left is of another name.
    await removeFiles(cache);
    return await contentOf(path, cache);
  };
  return { path, bytes, read };
}

const victims: Readonly<Record<string, () => Promise<Victim>>> = {
  checkpoints: checkpointVictim,
  unsummed: unsummedVictim,
  configurations: configVictim,
  caches: cacheVictim,
  archives: archiveVictim,
};

const { path, bytes, read } = await victims[kind]!();
await Deno.writeFile(path, bytes);
const whole = await read();
const lost: string[] = [];
let [detected, harmless] = [0, 0];
for (let round = 0; round < Number(tries); round++) {
  const damaged = flipOrCut(bytes, rng);
  await Deno.writeFile(path, damaged);
  const what = damaged.length < bytes.length
    ? `cut to ${damaged.length} of ${bytes.length} bytes`
    : `byte ${damaged.findIndex((byte, at) => byte !== bytes[at])} of ${bytes.length} is another`;
  try {
    const found = await read();
    if (found === null) detected++;
    else if (found === whole) harmless++;
    else lost.push(`${what}: other content, and nothing was said`);
  } catch (error) {
    if (error instanceof LibtrainError) detected++;
    else lost.push(`${what}: ${error instanceof Error ? error.name : ""} ${messageOf(error)}`);
  }
}
console.log(JSON.stringify({ tried: Number(tries), detected, harmless, lost: lost.slice(0, 20), count: lost.length }));
