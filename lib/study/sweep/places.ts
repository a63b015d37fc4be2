/** Where what belongs to a cell lies. */
import { join } from "node:path";

/** The folder of a cell's run. */
export function cellIn(folder: string, hash: string): string {
  return join(folder, "cells", hash);
}

/** What a process holds while it is at a cell: one file for all sweeps below `runs`, as several may have the same cell. */
export function claimIn(runs: string, hash: string): string {
  return join(claimsIn(runs), `${hash}.lock`);
}

/** The folder of the claims of all sweeps below `runs`. */
export function claimsIn(runs: string): string {
  return join(runs, ".claims");
}
