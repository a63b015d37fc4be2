/** What is made of a training that is over. */
import { join, relative } from "node:path";
import { isThere } from "../../io/atomic_file.ts";
import { pack } from "../../recipe/pack.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { open } from "../../recipe/trained.ts";
import { writePage } from "../../study/report/write_page.ts";
import { reportRuns } from "../../study/runs/report.ts";
import { Device } from "../../tensor/device.ts";
import type { JobEvents } from "./events.ts";
import type { ArtefactName } from "./kinds.ts";
import { artefactIn, runIn } from "./record.ts";

/** Where artefacts are made, and with what. */
export interface ArtefactPlace {
  /** The job's folder. */
  readonly output: string;
  readonly recipe: Pick<Recipe, "device" | "threads">;
  readonly memory: number | string | undefined;
  readonly cache: string | undefined;
  readonly signal: AbortSignal;
  onWarning(message: string): void;
  onMeasured(done: number, total: number): void;
}

/** Those of the artefacts that are not there. */
export async function missingArtefacts(output: string, wanted: readonly ArtefactName[]): Promise<ArtefactName[]> {
  const missing: ArtefactName[] = [];
  for (const name of wanted) if (!await isThere(artefactIn(output, name))) missing.push(name);
  return missing;
}

/** Makes one, unless it is there; rejects with the signal's reason where that aborts, and it is not there then. */
export async function makeArtefact(name: ArtefactName, place: ArtefactPlace): Promise<JobEvents["artefact"]> {
  const path = artefactIn(place.output, name);
  if (!await isThere(path)) {
    place.signal.throwIfAborted();
    await makers[name](path, place);
  }
  const { size: bytes } = await Deno.stat(path);
  return { name, path: relative(place.output, path), bytes };
}

const makers: Readonly<Record<ArtefactName, (path: string, place: ArtefactPlace) => Promise<void>>> = {
  async model(path, { output }): Promise<void> {
    await pack(runIn(output), { out: path });
  },
  async report(_, place): Promise<void> {
    const { output, cache, signal, onWarning, onMeasured } = place;
    using device = deviceOf(place);
    const options = {
      device,
      cache,
      signal,
      onWarning,
      onMeasured: (_: string, done: number, total: number) => onMeasured(done, total),
    };
    const { page, missing } = await reportRuns([runIn(output)], options);
    signal.throwIfAborted();
    // The page itself is its last file.
    const { warnings } = await writePage(page, join(output, "report"));
    [...missing, ...warnings].forEach(onWarning);
  },
  async predictions(csv, place): Promise<void> {
    const { output, cache, signal, onWarning, onMeasured } = place;
    using device = deviceOf(place);
    using trained = await open(runIn(output), { device, onWarning });
    await trained.evaluate({ csv, cache, signal, onWarning, onMeasured });
  },
};

function deviceOf({ recipe: { device, threads }, memory }: ArtefactPlace): Device {
  return new Device(device, { threads: threads ?? undefined, memory });
}
