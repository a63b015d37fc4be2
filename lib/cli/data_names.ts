/** What of `--data` is a name and not a path. */
import { data, recipe } from "../../mod.ts";

/** Whether a text for a data set is a path: neither a set that is downloaded by its name nor one that is registered. */
export function isDataPath(text: string): boolean {
  return data.knownSet(text) === undefined && !Object.hasOwn(recipe.registered().dataSets, text);
}
