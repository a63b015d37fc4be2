/** Files that are no safetensors are called what they are, with a cure, by every call that reads weights. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { foreignFile } from "../../../lib/checkpoint/foreign_files.ts";
import {
  Device,
  importFastai,
  loadCheckpoint,
  loadWeights,
  models,
  nn,
  recipe,
  SafetensorsError,
  saveWeights,
  StateError,
} from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";

function bytes(...parts: (string | number[])[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(parts.flatMap((part) => typeof part === "string" ? [...new TextEncoder().encode(part)] : part));
}

const zip = [0x50, 0x4b, 3, 4, ...Array(26).fill(0)];
const legacy = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

/** What lies about under the name of weights, and parts of what is said of it. */
const cases: Readonly<Record<string, readonly [content: Uint8Array<ArrayBuffer>, ...parts: string[]]>> = {
  "new.pth": [
    bytes(zip, "archive/data.pkl", Array(70_000).fill(0), "archive/data.pkl archive/version"),
    "one of torch.save",
    "Convert it with python",
    "save_file(",
  ],
  "script.pt": [bytes(zip, "m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"), "TorchScript", "torch.jit.load"],
  "cut.pth": [bytes(zip), "one of torch.save"],
  "old.pth": [bytes(legacy), "one of torch.save, of before PyTorch 1.6", "save_file("],
  "any.pkl": [bytes([0x80, 4, 0x95, 1, 0, 0]), "a pickle of Python"],
  "lfs.safetensors": [
    bytes("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12\n"),
    "Git LFS",
    "git lfs pull",
  ],
  "page.safetensors": [
    bytes("\n  <!DOCTYPE html>\n<html><body>Not found</body></html>"),
    "a web page",
    "Download the file itself",
  ],
  "small.safetensors": [bytes("<html>"), "a web page"],
  "error.safetensors": [bytes('<?xml version="1.0"?><Error/>'), "XML"],
  "model.safetensors.index.json": [
    bytes(
      '{"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}',
    ),
    "the index of a model in several files",
    '"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"',
  ],
  "config.json": [bytes('{"architectures": ["x"]}'), "a JSON text"],
  "notes.txt": [bytes("no weights"), "a text"],
  "empty.safetensors": [bytes(), "got 0, for it is empty"],
  "weights.gz": [bytes([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), "packed by gzip", "gunzip"],
  "weights.bz2": [bytes("BZh91AY&SY"), "bzip2"],
  "weights.xz": [bytes([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4]), "packed by xz"],
  "weights.zst": [bytes([0x28, 0xb5, 0x2f, 0xfd, 4, 0, 0, 0]), "Zstandard"],
  "weights.npz": [bytes(zip, "arr_0.npy"), "an archive of NumPy (.npz)"],
  "weights.npy": [bytes([0x93], "NUMPY", [1, 0]), "an array of NumPy (.npy)"],
  "weights.h5": [bytes([0x89], "HDF\r\n", [0x1a, 0x0a]), "HDF5"],
  "model.keras": [bytes(zip, "model.weights.h5"), "Keras"],
  "model.onnx": [bytes([8, 7, 0x12, 7], "pytorch", [0x1a, 3], "2.0"), "ONNX"],
  "model.gguf": [bytes("GGUF", [3, 0, 0, 0]), "GGUF"],
  "model.tflite": [bytes([0x1c, 0, 0, 0], "TFL3"), "TensorFlow Lite"],
  "set.tar": [bytes("train/", Array(251).fill(0), "ustar"), "a tar archive"],
  "some.zip": [bytes(zip, "readme.txt"), "a ZIP archive"],
  "photo.jpg": [bytes([0xff, 0xd8, 0xff, 0xe0, 0, 0x10]), "a JPEG image"],
};

Deno.test("foreign files: each is called what it is, with what to do about it", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(2, 2, { device });
  using network = models.xresnet18({ classes: 2, widen: 0.125, device });
  for (const [name, [content, ...parts]] of Object.entries(cases)) {
    const path = join(folder.path, name);
    await Deno.writeFile(path, content);
    for (
      const read of [
        () => loadWeights(model, path),
        () => importFastai(network, path),
        () => loadCheckpoint(path),
        () => recipe.open(path, { device }),
        () => recipe.importWeights(path, { model: { name: "xresnet18" }, out: join(folder.path, "x.safetensors") }),
      ]
    ) {
      const error = await assertRejects(read as () => Promise<unknown>, SafetensorsError);
      for (const part of [path, ...parts]) assertStringIncludes(error.message, part);
      assertEquals(error.message.includes("\n"), false);
    }
  }
});

Deno.test("foreign files: a damaged safetensors file is not taken for another kind", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(7, 5, { device });
  const path = join(folder.path, "w.safetensors");
  await saveWeights(model, path);
  const whole = await Deno.readFile(path);
  assertEquals(foreignFile(path, { first: whole }), undefined);
  for (let at = 0; at < 8; at++) {
    for (let bit = 0; bit < 8; bit++) {
      assertEquals(foreignFile(path, { first: whole.with(at, whole[at]! ^ (1 << bit)) }), undefined, `${at}, ${bit}`);
    }
  }
  await Deno.writeFile(path, whole.subarray(0, whole.length - 3));
  await assertRejects(() => loadWeights(model, path), SafetensorsError, "It may be damaged");
});

Deno.test("what is no path, and a file that is not there, are the library's errors", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(2, 2, { device });
  using network = models.xresnet18({ classes: 2, widen: 0.125, device });
  for (const wrong of [3, undefined, null, {}, ""] as unknown as string[]) {
    for (
      const call of [
        () => loadWeights(model, wrong),
        () => saveWeights(model, wrong),
        () => importFastai(network, wrong),
        () => loadCheckpoint(wrong),
      ]
    ) {
      await assertRejects(call as () => Promise<unknown>, TypeError, "Expected `path` as a text, a file's path, got ");
    }
  }
  await assertRejects(
    () => loadWeights(model, "none.safetensors"),
    StateError,
    '"none.safetensors": it is not there: give',
  );
  await assertRejects(() => importFastai(network, "none"), SafetensorsError, 'Cannot find "none": give the path');
  await assertRejects(() => loadCheckpoint("none"), SafetensorsError, 'Cannot find "none": give the path');
  await assertRejects(() => loadCheckpoint("tests"), SafetensorsError, "got a folder");
});

Deno.test("names that do not fit: the first ten are shown, the rest is counted, and a common beginning is told", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = join(folder.path, "w.safetensors");
  using large = models.xresnet18({ classes: 2, widen: 0.125, device });
  using small = new nn.Linear(2, 2, { device });
  await saveWeights(large, path);
  const { message } = await assertRejects(() => loadWeights(small, path), StateError);
  assertEquals(message.match(/not in this model (.*?) and \d+ more/)![1]!.split(", ").length, 10);
  assertEquals(message.length < 1000, true, message);
  using wrapped = new nn.Sequential(small);
  await saveWeights(wrapped, path);
  await assertRejects(() => loadWeights(small, path), StateError, 'names begin with "layers.0."');
  await loadWeights(small, path, { prefix: "layers.0." });
  await saveWeights(small, path);
  await assertRejects(
    () => loadWeights(wrapped, path),
    StateError,
    'begin with "layers.0.", those of the file do not: load it into "layers.0"',
  );
});
