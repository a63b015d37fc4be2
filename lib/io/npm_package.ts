/** npm packages from the `node_modules` beside or above this library, loaded once they are asked for. */
import { createRequire } from "node:module";
import { StateError } from "../ffi/errors.ts";

const require = createRequire(import.meta.url);

function orTold<Found>(room: string, specifier: string, find: () => Found): Found {
  try {
    return find();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "MODULE_NOT_FOUND") throw error;
    throw new StateError(
      `${room}: Expected the npm package ${specifier} in node_modules beside or above the library, got none: run ` +
        "`deno install` in the library's folder",
    );
  }
}

/** What a package's module exports, by CommonJS; `room` begins the StateError that is thrown where it is not installed. */
export function loadPackage<Exports>(room: string, specifier: string): Exports {
  return orTold(room, specifier, () => require(specifier) as Exports);
}

/** The path of a package's file, or of its module where no file is named; throws as {@linkcode loadPackage} does. */
export function packageFile(room: string, specifier: string): string {
  return orTold(room, specifier, () => require.resolve(specifier));
}
