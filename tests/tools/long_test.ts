import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { parseSkips, type Skip } from "../../tools/test_counts.ts";
import { tempFolder } from "../temp_folder.ts";

const probe = fromFileUrl(new URL("./long_probe.ts", import.meta.url));

/** What the probe has in its log of skips, where its body writes too. */
async function runProbe(all: boolean): Promise<Skip[]> {
  using folder = tempFolder();
  const log = join(folder.path, "skips.tsv");
  Deno.writeTextFileSync(log, "");
  const { stderr, code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-q", "--no-prompt", "-P=test", probe],
    env: { LIBTRAIN_TEST_ALL: all ? "1" : "", LIBTRAIN_SKIP_LOG: log, NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return parseSkips(Deno.readTextFileSync(log));
}

Deno.test("long: listed as skipped with its reason, and run by --all", async () => {
  const reason = "long, it is a rehearsal: run `deno task test --all`";
  assertEquals(await runProbe(false), [{ name: "probe", reason }]);
  assertEquals(await runProbe(true), [{ name: "the body", reason: "it ran" }]);
});
