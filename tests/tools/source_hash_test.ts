import { assertEquals, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import { sourceHash } from "../../tools/source_hash.ts";
import { tempFolder } from "../temp_folder.ts";

Deno.test("sourceHash: changes with content, names, and the compiler, not with time or other files", async () => {
  using folder = tempFolder();
  const source = join(folder.path, "core-rs", "src");
  await Deno.mkdir(source, { recursive: true });
  const write = (name: string, text: string): void => Deno.writeTextFileSync(join(source, name), text);
  const hash = (): Promise<string> => sourceHash(folder.path, ["rustc 1"]);
  write("lib.rs", "a");
  const first = await hash();
  write("notes.md", "ignored");
  write("lib.rs", "a");
  assertEquals(await hash(), first);
  assertNotEquals(await sourceHash(folder.path, ["rustc 2"]), first);
  write("lib.rs", "b");
  assertNotEquals(await hash(), first);
  write("lib.rs", "a");
  assertEquals(await hash(), first);
  Deno.renameSync(join(source, "lib.rs"), join(source, "main.rs"));
  assertNotEquals(await hash(), first);
  Deno.renameSync(join(source, "main.rs"), join(source, "lib.rs"));
  write("kernel.cu", "");
  assertNotEquals(await hash(), first);
});
