/** Which files a specification may name. */
import { resolve, sep } from "node:path";
import { knownSet } from "../../data/known_sets.ts";
import { dataSetRegistry } from "../../data/registry.ts";
import { JobError } from "../job/errors.ts";
import type { JobSpec } from "../job/fields.ts";
import { jobRecipe } from "../job/spec.ts";

/** Folders below which data and weights may lie. */
export class DataRoots {
  /** As they were given. */
  readonly folders: readonly string[];
  readonly #real: readonly string[];

  private constructor(folders: readonly string[], real: readonly string[]) {
    this.folders = folders;
    this.#real = real;
  }

  /** Rejects with Deno's errors where a folder is not there. */
  static async open(folders: readonly string[]): Promise<DataRoots> {
    return new DataRoots(folders.map((folder) => resolve(folder)), await Promise.all(folders.map(Deno.realPath)));
  }

  /** Refuses a specification that names files elsewhere, by a JobError that names the place and the roots. */
  async require(spec: JobSpec): Promise<void> {
    const { data: { name }, weights } = jobRecipe(spec);
    if (!dataSetRegistry.has(name) && knownSet(name) === undefined) await this.#requireBelow("recipe.data.name", name);
    const from = weights?.from ?? undefined;
    if (from !== undefined) await this.#requireBelow("recipe.weights.from", from);
  }

  async #requireBelow(place: string, path: string): Promise<void> {
    const wanted = this.folders.length === 0
      ? "a data set by its name, as this server has no folders of data"
      : `a path below ${this.folders.join(", ")}`;
    const wrong = new JobError(place, `Expected \`${place}\` as ${wanted}, got ${JSON.stringify(path)}`);
    // What lies elsewhere is not even looked for.
    const below = (folders: readonly string[], path: string): boolean =>
      folders.some((folder) => path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`));
    if (!below([...this.folders, ...this.#real], resolve(path))) throw wrong;
    let real: string;
    try {
      real = await Deno.realPath(path);
    } catch {
      throw new JobError(
        place,
        `Expected \`${place}\` as a file or folder, got ${JSON.stringify(path)}: none is there`,
      );
    }
    // A link may lead out of the roots.
    if (!below(this.#real, real)) throw wrong;
  }
}
