/** What a run is of: two runs of one identity would come to the same, up to the machine's last bits. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { isObject } from "../../recipe/check.ts";
import type { Recipe, RunConfig } from "../../recipe/recipe.ts";
import { before, recipeOf } from "../../recipe/saved_config.ts";
import { requireOptions, requireText } from "../../tensor/ops/checks.ts";
import { settingAt } from "../../recipe/settings.ts";
import type { Json } from "../../registry/registry.ts";

/** What decides what a training comes to, as plain JSON whose keys are sorted. */
export type Identity = { readonly [part: string]: Json };

/** Hexadecimal digits of a hash: 64 bits, so that among a million runs no two are taken for one. */
const digits = 16;

/** Where a run is made, and what it is called by. */
const elsewhere: readonly string[] = ["preset", "device"];

/**
 * A value without what is not set, with its keys sorted. A setting that runs of earlier versions lack counts where it is other
 * than what they have, so that their hashes stay.
 */
function canonical(value: unknown, path = ""): Json | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.map((inner) => canonical(inner, path) ?? null);
  if (!isObject(value)) return value as Json;
  const fields = Object.keys(value).sort().flatMap((name) => {
    const own = path === "" ? name : `${path}.${name}`;
    if (settingAt(own)?.free === true || elsewhere.includes(own)) return [];
    if (Object.hasOwn(before, own) && JSON.stringify(value[name]) === JSON.stringify(before[own])) return [];
    const inner = canonical(value[name], own);
    return inner === undefined ? [] : [[name, inner] as const];
  });
  return Object.fromEntries(fields);
}

/**
 * The identity of a run by its configuration: its recipe with its seed, without what changes nothing of the result (threads,
 * the device, whether steps are recorded, the preset's name), and with what the images are in place of where they lie.
 */
export function identityOf(config: RunConfig): Identity {
  for (const part of ["data", "model", "transforms"] as const) {
    requireOptions("identityOf", config?.[part], `{ ${part}: {} }`);
  }
  requireText("identityOf", "data.name", config.data.name);
  const { source, samples, imageShape, weightsSha256 } = config;
  const recipe = recipeOf(config);
  const { data, weights, ...rest } = recipe;
  const { name, keep, ...own } = data;
  // Of a registered set no more is known than its name and what it gave.
  const images = source === null || source === undefined
    ? { name, imageShape, samples }
    : { contents: source.contents };
  const kept = keep ?? (recipe.transforms.crop === "resized" ? "source" : "size");
  const begun = weights?.from === undefined || weights.from === null
    ? {}
    : { weights: { ...weights, from: weightsSha256 ?? weights.from } };
  return canonical({ ...rest, ...begun, data: { ...own, ...images, keep: kept } }) as Identity;
}

/** A recipe with names in place of paths, which say nothing on another machine: what lies there has its own sums. */
export function withoutPlaces(recipe: Recipe): Recipe {
  const { data, weights } = recipe;
  const named = { ...recipe, data: { ...data, name: basename(data.name) } };
  return typeof weights?.from === "string"
    ? { ...named, weights: { ...weights, from: basename(weights.from) } }
    : named;
}

/** The hash of an identity: the beginning of the SHA-256 of its text. */
export function hashOf(identity: Identity): string {
  requireOptions("hashOf", identity, "hashOf(identityOf(config))");
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, digits);
}

/** An identity without its seed: that of an arm. */
export function withoutSeed({ seed: _, ...rest }: Identity): Identity {
  return rest;
}
