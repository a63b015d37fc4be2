/** Files out of archives that are read as a stream. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { filesInTar, findInTar } from "../../../lib/data/tar_entry.ts";
import { gzip, tar } from "../../support/tar.ts";
import { tempFolder } from "../../temp_folder.ts";

const files = [["set/a.txt", 3], ["set/b.jpg", 600], ["set/c.jpg", 512], ["set/d.jpg", 0], ["set/e.jpg", 1]] as const;
const bytes = tar([
  ["set/", new Uint8Array()],
  ...files.map(([name, n]) => [name, new Uint8Array(n).fill(n)] as const),
]);

Deno.test("filesInTar: those that fit come in their order with their bytes, whatever lies between", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "set.tgz");
  await Deno.writeFile(path, await gzip(bytes));
  const found = await Array.fromAsync(filesInTar(path, (name) => name.endsWith(".jpg")));
  assertEquals(
    found.map(({ path, bytes }) => [path, bytes.length, bytes.every((byte) => byte === bytes.length % 256)]),
    [
      ["set/b.jpg", 600, true],
      ["set/c.jpg", 512, true],
      ["set/d.jpg", 0, true],
      ["set/e.jpg", 1, true],
    ],
  );
});

Deno.test("filesInTar: what is cut off ends it; the first is found without the rest", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "cut.tar");
  await Deno.writeFile(path, bytes.subarray(0, 5 * 512 + 700));
  const fits = (name: string): boolean => name.endsWith(".jpg");
  assertEquals((await Array.fromAsync(filesInTar(path, fits))).map(({ path }) => path), ["set/b.jpg"]);
  assertEquals((await findInTar(path, fits))?.path, "set/b.jpg");
  assertEquals(await findInTar(path, (name) => name === "set/c.jpg"), null);
});
