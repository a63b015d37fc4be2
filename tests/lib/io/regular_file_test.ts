import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { FileError } from "../../../lib/io/atomic_file.ts";
import { openRegularFile, readRegularFile, readRegularText } from "../../../lib/io/regular_file.ts";
import { tempFolder } from "../../temp_folder.ts";

Deno.test("readRegularFile: regular files up to a size", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "file");
  await Deno.writeTextFile(path, "words");
  assertEquals(await readRegularText(path), "words");
  assertEquals((await readRegularFile(path, { most: 5 })).length, 5);
  const many = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
  await Deno.writeFile(path, many);
  assertEquals(await readRegularFile(path), many);
  await assertRejects(() => readRegularFile(path, { most: 299_999 }), FileError, "Expected a file of at most 1 MiB");
  await assertRejects(() => readRegularFile(join(folder.path, "none")), Deno.errors.NotFound);
});

Deno.test("readRegularFile: pipes, devices, folders and sparse giants are refused at once", async () => {
  using folder = tempFolder();
  await assertRejects(() => readRegularFile(folder.path), FileError, "Expected a regular file, got a folder");
  const giant = join(folder.path, "giant");
  await Deno.writeTextFile(giant, "");
  await Deno.truncate(giant, 20 * 2 ** 30);
  await assertRejects(
    () => readRegularFile(giant),
    FileError,
    "Expected a file of at most 256 MiB, got 20,480 MiB",
  );
  if (Deno.build.os === "windows") return;
  await assertRejects(() => openRegularFile("/dev/zero"), FileError, "got a device");
  await assertRejects(() => readRegularFile("/dev/zero"), FileError, "got a device");
});
