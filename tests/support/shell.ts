/** Programs that tests start by `sh`, which `deno task test` lets them: there, none other is named. */
import { fromFileUrl } from "@std/path";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** What a script of the shell came to. */
export interface ShellRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Why no script can be run; undefined where one can. */
export function withoutShell(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "run", command: "sh" });
  return state === "granted" ? undefined : "these tests may not run sh: `deno task test` lets them";
}

/** Runs a script in the repository's folder; `words` are its `$1` and so on. */
export async function shell(
  script: string,
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ShellRun> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", ...words],
    cwd: root,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}
