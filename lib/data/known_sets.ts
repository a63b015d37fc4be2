/** Data sets known by name. */
import { kindOf } from "../tensor/ops/checks.ts";

/** One of them: where its archive is had, and what is known of it. */
export interface KnownSet {
  /** As scripts and commands call it. */
  readonly name: string;
  /** Of its archive. */
  readonly url: string;
  /** MD5 of the archive in hex, where its makers or torchvision give one. */
  readonly md5: string | null;
}

const host = "https://s3.amazonaws.com/fast-ai-imageclas";

/** From torchvision's `datasets/imagenette.py`. */
const sums: Readonly<Record<string, string>> = {
  "imagenette2": "fe2fc210e6bb7c5664d602c3cd71e612",
  "imagenette2-320": "3df6f0d01a2c9592104656642f5e78a3",
  "imagenette2-160": "e793b78cc4c9e9a4ccc0c1155377a412",
};

/** Imagenette and Imagewoof: as they are in ImageNet, and with the shorter side resized to 320 or 160 pixels. */
export const knownSets: readonly KnownSet[] = ["imagenette2", "imagewoof2"].flatMap((family) =>
  ["", "-320", "-160"].map((suffix) => {
    const name = `${family}${suffix}`;
    return { name, url: `${host}/${name}.tgz`, md5: sums[name] ?? null };
  })
);

/** The set of a name; undefined where none is called so. */
export function knownSet(name: string): KnownSet | undefined {
  return knownSets.find((set) => set.name === name);
}

/** What WordNet's numbers stand for, for the classes of Imagenette. */
const imagenette: Readonly<Record<string, string>> = {
  n01440764: "tench",
  n02102040: "English springer",
  n02979186: "cassette player",
  n03000684: "chain saw",
  n03028079: "church",
  n03394916: "French horn",
  n03417042: "garbage truck",
  n03425413: "gas pump",
  n03445777: "golf ball",
  n03888257: "parachute",
};

/** The same for Imagewoof. */
const imagewoof: Readonly<Record<string, string>> = {
  n02086240: "Shih-Tzu",
  n02087394: "Rhodesian ridgeback",
  n02088364: "beagle",
  n02089973: "English foxhound",
  n02093754: "Border terrier",
  n02096294: "Australian terrier",
  n02099601: "golden retriever",
  n02105641: "Old English sheepdog",
  n02111889: "Samoyed",
  n02115641: "dingo",
};

const wordNet: Readonly<Record<string, string>> = { ...imagenette, ...imagewoof };

/** Which of the two sets has these classes, by their names or folders in any order; undefined for others. */
export function setOfClasses(classes: readonly string[]): "imagenette" | "imagewoof" | undefined {
  const given = classNames(classes).toSorted().join();
  const has = (set: typeof wordNet): boolean => Object.values(set).toSorted().join() === given;
  if (has(imagenette)) return "imagenette";
  return has(imagewoof) ? "imagewoof" : undefined;
}

/** Class names for people: those of WordNet's numbers where every folder is called by one that is known here. */
export function classNames(folders: readonly string[]): readonly string[] {
  if (!Array.isArray(folders) || folders.some((folder) => typeof folder !== "string")) {
    throw new TypeError(`classNames(): Expected \`folders\` as an array of names, got ${kindOf(folders)}`);
  }
  const names = folders.map((folder) => Object.hasOwn(wordNet, folder) ? wordNet[folder] : undefined);
  return names.every((name) => name !== undefined) ? names : folders;
}
