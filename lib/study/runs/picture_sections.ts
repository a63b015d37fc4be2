/** Pictures of runs: of their answers, and of the images that they are trained on. */
import { LibtrainError } from "../../ffi/errors.ts";
import { checkRecipe } from "../../recipe/check.ts";
import { openData, type OpenDataOptions } from "../../recipe/data.ts";
import { RecipeError } from "../../recipe/errors.ts";
import type { RunConfig } from "../../recipe/recipe.ts";
import { recipeOf } from "../../recipe/saved_config.ts";
import { open } from "../../recipe/trained.ts";
import { Device } from "../../tensor/device.ts";
import type { Picture, Pictures, Section } from "../report/page.ts";
import { augmentedPictures } from "./augmented.ts";
import { isOver } from "./curves.ts";
import type { RunGroup } from "./groups.ts";
import { sampleAnswers } from "./predictions.ts";
import type { StudiedRun } from "./read_run.ts";

/** How to make pictures. */
export interface PictureOptions extends OpenDataOptions {
  readonly count?: number;
  readonly device?: Device | "auto" | "cpu" | "cuda";
  readonly threads?: number;
  readonly onMeasured?: (folder: string, done: number, total: number) => void;
  /** Gets what could not be shown, and why. */
  readonly missing: string[];
}

/** Recipes with pictures, at most: each is measured again. */
const mostRecipes = 4;

/** What of a call opens data. */
function opening({ cache, signal, onWarning, onNote, onProgress, onDownload }: OpenDataOptions): OpenDataOptions {
  return { cache, signal, onWarning, onNote, onProgress, onDownload };
}

/** Tells each line once: the data of a run are opened for its answers, and again for its training images. */
function once(tell: ((line: string) => void) | undefined): ((line: string) => void) | undefined {
  if (tell === undefined) return undefined;
  const told = new Set<string>();
  return (line) => {
    if (!told.has(line)) tell(line);
    told.add(line);
  };
}

async function trainingPictures(run: StudiedRun, device: Device, options: PictureOptions): Promise<Picture[]> {
  if (run.config === null) throw new RecipeError(run.why ?? "its configuration cannot be read");
  const config = run.config as unknown as RunConfig;
  const mine = recipeOf(config);
  checkRecipe(mine);
  const { train, valid } = await openData(mine, device, opening(options));
  valid.dispose();
  using set = train;
  return await augmentedPictures({ ...mine, dtype: config.dtype }, set, { count: options.count ?? 24 });
}

/** What training images follow from: recipes that are alike in it show the same ones. */
function looksOf({ folder, config }: StudiedRun): string {
  if (config === null) return folder;
  const { data, size, transforms, bs, seed, dtype } = config as Partial<RunConfig>;
  return JSON.stringify({ data, size, transforms, bs, seed, dtype });
}

/** Pictures of one run, or what keeps them away. */
async function picturesOf(
  { label, run, alike }: { label: string; run: StudiedRun; alike: boolean },
  device: Device,
  options: PictureOptions,
): Promise<{ answers: Pictures[]; training: Pictures[] }> {
  const tried = async <Result>(what: string, make: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await make();
    } catch (error) {
      // A configuration that was edited may lack anything.
      const told = error instanceof LibtrainError || error instanceof TypeError || error instanceof RangeError;
      if (options.signal?.aborted || !told) throw error;
      options.missing.push(`${what} of ${run.folder}: ${error.message}`);
      return undefined;
    }
  };
  const found = await tried("Pictures of the answers", async () => {
    using trained = await open(run.folder, { device, onWarning: options.onWarning });
    return await sampleAnswers(trained, {
      ...opening(options),
      count: options.count ?? 12,
      onMeasured: (done, total) => options.onMeasured?.(run.folder, done, total),
    });
  });
  const script = run.config?.["script"] === true;
  if (script && !alike) {
    options.missing.push(`Training images of ${run.folder}: a script made it, which alone knows its batches`);
  }
  const training = script || alike
    ? undefined
    : await tried("Training images", () => trainingPictures(run, device, options));
  const share = found === undefined
    ? ""
    : `${found.right.toLocaleString("en-US")} of ${
      found.n.toLocaleString("en-US")
    } images are answered rightly by ${run.folder}`;
  return {
    answers: found === undefined ? [] : [
      {
        title: `Largest losses: ${label}`,
        caption: `${share}; these have the largest losses, the largest first.`,
        pictures: found.worst,
      },
      {
        title: `Right answers: ${label}`,
        caption: "Spread evenly over the validation images, each with its class's probability.",
        pictures: found.rightOnes,
      },
    ],
    training: training === undefined ? [] : [{
      title: label,
      caption:
        `The first images of the first epoch of ${run.folder}, as the training step gets them: cut, moved, mirrored, ` +
        "erased and mixed as its recipe says.",
      pictures: training,
    }],
  };
}

/** Which recipes have the same training images. */
function alikeText(labels: readonly (readonly string[])[]): string[] {
  return labels.filter(({ length }) => length > 1).map(([first, ...others]) =>
    `Those of ${first} are those of ${
      others.join(" and of ")
    } too: they differ in nothing that training images follow from.`
  );
}

/** Pictures of the first run of each recipe that is over. */
export async function pictureSections(groups: readonly RunGroup[], given: PictureOptions): Promise<Section[]> {
  const options = { ...given, onWarning: once(given.onWarning), onNote: once(given.onNote) };
  const { missing, threads, device: where = "auto" } = options;
  const wanted = groups.flatMap(({ label, runs }) => {
    const run = runs.find(isOver);
    if (run === undefined) missing.push(`Pictures of ${label}: none of its runs is over`);
    return run === undefined ? [] : [{ label, run }];
  });
  for (const { label } of wanted.slice(mostRecipes)) {
    missing.push(`Pictures of ${label}: only the first ${mostRecipes} recipes have some`);
  }
  if (wanted.length === 0) return [];
  const device = where instanceof Device ? where : new Device(where, { threads });
  const answers: Pictures[] = [];
  const training: Pictures[] = [];
  const shown = new Map<string, string[]>();
  try {
    for (const each of wanted.slice(0, mostRecipes)) {
      const looks = looksOf(each.run);
      const found = await picturesOf({ ...each, alike: shown.has(looks) }, device, options);
      shown.set(looks, [...shown.get(looks) ?? [], each.label]);
      answers.push(...found.answers);
      training.push(...found.training);
    }
  } finally {
    if (device !== where) device.dispose();
  }
  return [
    ...(answers.length === 0 ? [] : [{ title: "Sample predictions", pictures: answers }]),
    ...(training.length === 0
      ? []
      : [{ title: "Training images", text: alikeText([...shown.values()]), pictures: training }]),
  ];
}
