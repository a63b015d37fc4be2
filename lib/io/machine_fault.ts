/** Errors that are the machine's, whatever was being written. */

/** A full drive, one that cannot be written, and a quota that is used up. */
const codes: readonly string[] = ["ENOSPC", "EROFS", "EDQUOT"];

/** Whether an error, or what it came of, says that a drive takes no more bytes: the same would fail again anywhere on it. */
export function isMachineFault(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (codes.includes((each as Error & { code?: unknown }).code as string)) return true;
  }
  return false;
}
