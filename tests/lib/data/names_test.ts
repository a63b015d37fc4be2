/** The order of classes. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { sortedNames } from "../../../lib/data/names.ts";
import { data, Device } from "../../../mod.ts";
import { fixture, writeFolder } from "../../support/image_files.ts";
import { gzip, tarOf } from "../../support/tar.ts";
import { tempFolder } from "../../temp_folder.ts";

// Python: sorted(names). By halves of characters, as JavaScript sorts, the cat would come before the ligature.
const sorted = ["B", "a", "a b", "ab", "z\u0301", "é", "犬", "ﬁ", "🐈"];

Deno.test("sortedNames: by code points, as Python's sorted", () => {
  assertEquals(sortedNames([...sorted].reverse()), sorted);
  assertEquals(sortedNames(["ab", "a", "", "abc"]), ["", "a", "ab", "abc"]);
});

Deno.test("classes: one order in folders, archives and iterators", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const paths = ["train", "val"].flatMap((part) => sorted.map((name) => `${part}/${name}/1.jpg`)).reverse();
  const layout = Object.fromEntries(paths.map((path) => [path, "grey.jpg"]));
  const archive = join(folder.path, "set.tgz");
  await Deno.writeFile(archive, await gzip(await tarOf(layout)));
  const cache = join(folder.path, "cache");
  for (const path of [await writeFolder(join(folder.path, "set"), layout), archive]) {
    const { train, valid } = await data.open(path, { size: 16, device, cache, onWarning: () => {} });
    assertEquals([train.classes, valid.classes], [sorted, sorted]);
    train.dispose();
    valid.dispose();
  }
  const image = await fixture("grey.jpg");
  using set = await data.fromSamples([...sorted].reverse().map((label) => ({ image, label })), { size: 16, device });
  assertEquals(set.classes, sorted);
});
