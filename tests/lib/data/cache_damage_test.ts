/** A cache whose pixels are not what was written is an error, and never ends the process. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { data, DataError, Device } from "../../../mod.ts";
import { copies, writeFolder } from "../../support/image_files.ts";
import { tempFolder } from "../../temp_folder.ts";

const layout = {
  ...copies(40, "cmyk.jpg", "train/a"),
  ...copies(40, "grey.jpg", "train/b"),
  ...copies(1, "grey.jpg", "val/a"),
};

Deno.test("cache: pixels that were changed are found in the first epoch, and when the set is described", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const cache = join(folder.path, "cache");
  const set = await writeFolder(join(folder.path, "set"), layout);
  const options = { size: 24, cache, device, onWarning: (): void => {} };
  const opened = async (): Promise<void> => {
    const { train, valid } = await data.open(set, options);
    using _train = train;
    valid.dispose();
    for await (const { images } of train.batches(8, { seed: 0 })) images.dispose();
  };
  await opened();
  const { name } = [...Deno.readDirSync(cache)].find(({ name }) => name.startsWith("train-"))!;
  const path = join(cache, name);
  await Deno.chmod(path, 0o644);
  const bytes = await Deno.readFile(path);
  for (let at = 4096; at < 4096 + 24 * 24 * 3; at++) bytes[at] = 255 - bytes[at]!;
  await Deno.writeFile(path, bytes);
  const wanted =
    `The cache "${path}" is damaged: its pixels are not those that were written: remove it, and it is made again`;
  const { message } = await assertRejects(opened, DataError);
  assertEquals(message, wanted);
  assertEquals((await assertRejects(() => data.describe(set, { size: 24, cache }), DataError)).message, wanted);
  await Deno.remove(path);
  await opened();
});

Deno.test("cache: who stops in the first batch leaves no check behind", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const set = await writeFolder(join(folder.path, "set"), layout);
  const { train, valid } = await data.open(set, {
    size: 24,
    cache: join(folder.path, "cache"),
    device,
    onWarning: (): void => {},
  });
  for await (const { index } of train.batches(8, { seed: 0 })) {
    assertEquals(index.length, 8);
    break;
  }
  train.dispose();
  valid.dispose();
  const { handles, storages } = device.stats();
  assertEquals([handles, storages], [0, 0]);
});

for (const how of ["cut", "empty", "write", "touch"]) {
  Deno.test(`cache: ${how} while a training has it mapped`, async () => {
    using folder = tempFolder();
    const cache = join(folder.path, "cache");
    const set = await writeFolder(join(folder.path, "set"), layout);
    const { success, code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "-P=test", "tests/support/damaged_cache.ts", set, cache, how],
      cwd: fromFileUrl(new URL("../../..", import.meta.url)),
      stdin: "null",
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert(success, `${code}: ${err}`);
    const { name, message, batches } = JSON.parse(out!);
    if (how === "touch") return assertEquals([message, batches], [undefined, 120], "only touched: checked again");
    // What is told first depends on whether a kernel or the look at the file meets it.
    assert(name === "DataError" || name === "LateError", out);
    assertStringIncludes(message, how === "write" ? "its pixels are not those that were written" : "train-24-");
    assert(batches < 120, `${batches}`);
  });
}
