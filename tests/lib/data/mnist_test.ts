import { assertEquals, assertRejects } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { installedFolder } from "../../../lib/data/mnist_folder.ts";
import { data, DataError, Device } from "../../../mod.ts";
import { readMnist } from "../../../lib/data/mnist_files.ts";
import { tempFolder } from "../../temp_folder.ts";

Deno.test("mnist: the device's images and labels are the files' own", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { train, valid } = await data.mnist({ device });
  using disposed = new DisposableStack();
  disposed.use(train);
  disposed.use(valid);
  assertEquals([train.length, valid.length, train.imageShape, train.classes.length], [60_000, 10_000, [28, 28, 1], 10]);
  const files = await readMnist();
  for await (const { images, labels, index } of train.batches(500, { seed: 4 })) {
    const [pixels, classes] = [await images.data(), await labels.data()];
    for (const [place, image] of index.entries()) assertEquals(classes[place], files.train.labels[image]);
    const [first = 0] = index;
    const bytes = files.train.images.subarray(784 * first, 784 * (first + 1));
    assertEquals(pixels.slice(0, 784), Float32Array.from(bytes, (byte) => byte / 255));
    break;
  }
});

Deno.test("mnist: limit takes the first images of both parts", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { train, valid } = await data.mnist({ device, limit: 3 });
  using disposed = new DisposableStack();
  disposed.use(train);
  disposed.use(valid);
  for await (const { labels } of train.batches(3, { shuffle: false })) {
    assertEquals([...await labels.data()], [5, 0, 4]);
  }
  for await (const { labels } of valid.batches(3)) assertEquals([...await labels.data()], [7, 2, 1]);
  await assertRejects(() => data.mnist({ device, limit: 0 }), RangeError, "Expected `limit`");
});

Deno.test("mnist: a folder with or without a slash at its end, as a path or a URL; what is wrong with it is told", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const source = await installedFolder();
  for (const { name } of Deno.readDirSync(source)) {
    if (name.endsWith("ubyte")) await Deno.copyFile(join(source, name), join(folder.path, name));
  }
  for (const given of [folder.path, `${folder.path}/`, toFileUrl(folder.path), toFileUrl(`${folder.path}/`)]) {
    const { train, valid } = await data.mnist({ device, folder: given, limit: 1 });
    train.dispose();
    valid.dispose();
  }
  const labels = join(folder.path, "t10k-labels-idx1-ubyte");
  await Deno.writeFile(labels, new Uint8Array(9));
  const { message } = await assertRejects(() => data.mnist({ device, folder: folder.path }), DataError);
  assertEquals(
    message.replace(/got [0-9a-f]{64}/, "got"),
    `Expected "${labels}" to have the SHA-256 ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2, got: ` +
      "give the folder of MNIST's four files, unpacked",
  );
  await Deno.remove(labels);
  await assertRejects(
    () => data.mnist({ device, folder: folder.path }),
    DataError,
    `Cannot find MNIST's file t10k-labels-idx1-ubyte in "${folder.path}": give the folder of MNIST's four files`,
  );
});

Deno.test("mnist: a script in another folder finds the files", async () => {
  using folder = tempFolder();
  const script = join(folder.path, "script.ts");
  const library = new URL("../../../mod.ts", import.meta.url).href;
  await Deno.writeTextFile(
    script,
    `import { data } from "${library}";\nconst { valid } = await data.mnist({ limit: 3 });\nconsole.log(valid.length);\n`,
  );
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--allow-read", "--allow-ffi", "--allow-env", script],
    cwd: folder.path,
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals([success, out], [true, "3\n"], err);
});
