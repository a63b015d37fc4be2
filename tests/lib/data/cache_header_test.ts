/** The header of a pixel cache that cannot be read leaves nothing behind. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { crossEntropy, data, Device, LateError, tensor } from "../../../mod.ts";
import { readHeader } from "../../../lib/data/cache_file.ts";
import { writeFolder } from "../../support/image_files.ts";
import { tempFolder } from "../../temp_folder.ts";

Deno.test("cache header: where it cannot be read, the mapped file goes too", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const cache = join(folder.path, "cache");
  const { train, valid } = await data.open(await writeFolder(join(folder.path, "pets")), { size: 19, device, cache });
  for (const set of [train, valid]) set.dispose();
  const [file] = [...Deno.readDirSync(cache)].filter(({ name }) => name.endsWith(".pixels"));
  const path = join(cache, file!.name);
  assertEquals((await readHeader(path, device)).classes, ["cat", "dog"]);
  using logits = tensor([[1, 2]], undefined, { device });
  using target = tensor([7], undefined, { device, dtype: "i32" });
  using _loss = crossEntropy(logits, target);
  const before = device.stats().handles;
  await assertRejects(() => readHeader(path, device), LateError, "cross_entropy()");
  assertEquals(device.stats().handles, before);
  await device.recover();
});
