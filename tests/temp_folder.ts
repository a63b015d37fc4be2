import { fromFileUrl } from "@std/path";

/** A folder that is removed at the end of its block: `using folder = tempFolder()`. */
export interface TempFolder extends Disposable {
  readonly path: string;
}

/** Makes a folder of its own below `.cache/test`: tests may write nowhere else but in `runs`. */
export function tempFolder(): TempFolder {
  const parent = new URL("../.cache/test/", import.meta.url);
  Deno.mkdirSync(parent, { recursive: true });
  const path = Deno.makeTempDirSync({ dir: fromFileUrl(parent) });
  return {
    path,
    [Symbol.dispose](): void {
      Deno.removeSync(path, { recursive: true });
    },
  };
}
