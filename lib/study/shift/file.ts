/** A measurement of moving images as a file, for reports and scripts. */
import { JsonFileError, readJson, writeJson } from "../../io/json_file.ts";
import { shown } from "../../io/shown.ts";
import { requireText } from "../../tensor/ops/checks.ts";
import type { ShiftRunsResult } from "./runs.ts";

/** Goes up when what is in the file means something else. */
const FORMAT = 1;

const advice = "measure again with `shiftRuns`";

/** Writes a measurement, whole or not at all. */
export async function writeShift(path: string, result: ShiftRunsResult): Promise<void> {
  await writeJson(path, { shiftFormat: FORMAT, ...result });
}

/**
 * The measurement that {@linkcode shiftRuns} left in a file, `shift.json` in the first run's folder unless told otherwise;
 * undefined where there is none.
 *
 * Rejects with a JsonFileError where the file holds something else, or comes from another version.
 *
 * @example
 * ```ts ignore
 * import { study } from "@libtrain/libtrain";
 *
 * const found = await study.readShift("runs/20250131-120000-imagenette-128-5/shift.json");
 * if (found !== undefined) for (const section of study.shiftSections(found)) console.log(section.title);
 * ```
 */
export async function readShift(path: string): Promise<ShiftRunsResult | undefined> {
  requireText("readShift", "path", path);
  const found = await readJson(path, { kinds: { shiftFormat: "number" }, advice });
  if (found === undefined) return undefined;
  const { shiftFormat, ...result } = found;
  if (shiftFormat !== FORMAT) {
    throw new JsonFileError(
      `Expected a measurement of format ${FORMAT} in "${shown(path)}", got ${shiftFormat}: ${advice}`,
    );
  }
  const lists = ["shifts", "images", "comparisons", "runs"].filter((name) => !Array.isArray(result[name]));
  if (lists.length > 0) {
    throw new JsonFileError(`Expected "${lists[0]}" in "${shown(path)}" as a list, got none: ${advice}`);
  }
  return result as unknown as ShiftRunsResult;
}
