/**
 * Says that this test cannot run here, and why: `if (!have) return skip("blur pool on CUDA", "g++ not found")`.
 *
 * The line goes to the file that `deno task test` names in `LIBTRAIN_SKIP_LOG`, which counts the test as skipped and
 * not as passed; so `name` must be the test's own name and be given once. Without that file the line is printed.
 */
export function skip(name: string, reason: string): void {
  const log = Deno.env.get("LIBTRAIN_SKIP_LOG") ?? "";
  const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ");
  const line = `${oneLine(name)}\t${oneLine(reason)}`;
  if (log === "") console.log(`skipped: ${line}`);
  else Deno.writeTextFileSync(log, `${line}\n`, { append: true });
}
