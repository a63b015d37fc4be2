/** What a file is that should hold weights and does not: its beginning says so. */

/** What a file is, and what to do about it. */
export interface ForeignFile {
  /** In words: `a web page`. */
  readonly what: string;
  readonly cure: string;
}

/** A line of Python that writes a safetensors file; what was saved by `torch.save(model)` has its weights in state_dict(). */
const convert = `Convert it with python -c "import sys, torch; from safetensors.torch import save_file; ` +
  `d = torch.load(sys.argv[1], 'cpu'); d = d.get('model', d.get('state_dict', d)); ` +
  `save_file({k: v.contiguous() for k, v in d.items()}, sys.argv[2])" IN.pth OUT.safetensors`;

const convertScript = `Convert it with python -c "import sys, torch; from safetensors.torch import save_file; ` +
  `d = torch.jit.load(sys.argv[1], 'cpu').state_dict(); ` +
  `save_file({k: v.contiguous() for k, v in d.items()}, sys.argv[2])" IN.pt OUT.safetensors`;

const again = "Download the file itself";
const wanted = "Give a safetensors file";
const saveAnew = "Save the weights of its network as safetensors";

/** Beginnings of files, as bytes or ASCII. */
const beginnings: readonly (readonly [start: string | readonly number[], what: string, cure: string])[] = [
  [
    "version https://git-lfs",
    "a pointer of Git LFS, not the file that it stands for",
    "Run `git lfs pull`, or download the file itself",
  ],
  [
    [0x93, ..."NUMPY"].map((each) => typeof each === "string" ? each.charCodeAt(0) : each),
    "an array of NumPy (.npy)",
    saveAnew,
  ],
  [[0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a], "an HDF5 file, as Keras writes", saveAnew],
  [[0x1f, 0x8b], "packed by gzip", "Unpack it with gunzip"],
  ["BZh", "packed by bzip2", "Unpack it with bunzip2"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "packed by xz", "Unpack it with unxz"],
  [[0x28, 0xb5, 0x2f, 0xfd], "packed by Zstandard", "Unpack it with unzstd"],
  [[0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "a 7-Zip archive", "Unpack it first"],
  ["GGUF", "a GGUF file", saveAnew],
  [[0xff, 0xd8, 0xff], "a JPEG image", wanted],
  [[0x89, 0x50, 0x4e, 0x47], "a PNG image", wanted],
  ["%PDF", "a PDF document", wanted],
];

function startsWith(bytes: Uint8Array, start: string | readonly number[], at = 0): boolean {
  const wanted = typeof start === "string" ? [...start].map((each) => each.charCodeAt(0)) : start;
  return wanted.every((byte, place) => bytes[at + place] === byte);
}

/** The magic number of `torch.save` before its files were ZIP archives, as a pickle has it. */
const legacyTorch = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** Names of files in a ZIP archive stand as they are at its end, in its directory. */
function zipFile(first: Uint8Array, last: string, name: string): ForeignFile {
  const text = ascii(first) + last;
  if (/constants\.pkl/.test(last) && /\/code\//.test(last)) {
    return { what: "a TorchScript archive of torch.jit.save", cure: convertScript };
  }
  if (/data\.pkl/.test(text)) return { what: "one of torch.save", cure: convert };
  if (/\.npy/.test(text)) return { what: "an archive of NumPy (.npz)", cure: saveAnew };
  if (/model\.weights\.h5/.test(text)) return { what: "a Keras model", cure: saveAnew };
  // One that was cut off has lost its directory.
  if (/\.(pth?|bin|ckpt|pkl)$/i.test(name)) return { what: "one of torch.save", cure: convert };
  return { what: "a ZIP archive", cure: "Unpack it first" };
}

function ascii(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** An index, which says in which files of a split model the weights are; undefined for other JSON. */
function indexFile(text: string): ForeignFile | undefined {
  if (!/"weight_map"\s*:/.test(text)) return undefined;
  const files = [...new Set([...text.matchAll(/"([^"]+\.safetensors)"/g)].map(([, name]) => name))];
  const shown = files.slice(0, 3).map((name) => `"${name}"`).join(", ");
  const more = files.length > 3 ? ` and others` : "";
  return {
    what: "the index of a model in several files",
    cure: files.length === 0 ? wanted : `Give these, which hold the weights: ${shown}${more}`,
  };
}

/** ONNX is a protocol buffer: its first field is a small version, its second one a text. */
function isOnnx(bytes: Uint8Array): boolean {
  return bytes[0] === 0x08 && bytes[1]! > 0 && bytes[1]! < 32 && (bytes[2] === 0x12 || bytes[2] === 0x1a) &&
    bytes[3]! > 0 && bytes[3]! < 64;
}

/** Whether bytes are text, in UTF-8 or ASCII. */
function isText(bytes: Uint8Array): boolean {
  try {
    // A character may be cut off at the end.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    // deno-lint-ignore no-control-regex
    return text !== "" && !/[\u0000-\u0008\u000e-\u001f\u007f]/.test(text);
  } catch {
    return false;
  }
}

/**
 * What a file is by its first bytes, up to some thousands, and the last ones, for archives have their directory there;
 * undefined where it may well be safetensors.
 */
export function foreignFile(
  name: string,
  { first, last = first }: { first: Uint8Array; last?: Uint8Array },
): ForeignFile | undefined {
  if (startsWith(first, [0x50, 0x4b, 3, 4])) return zipFile(first, ascii(last), name);
  // A pickle begins with its protocol, 2 to 5.
  if (first[0] === 0x80 && first[1]! >= 2 && first[1]! <= 5) {
    const torch = startsWith(first, legacyTorch, 2);
    return { what: torch ? "one of torch.save, of before PyTorch 1.6" : "a pickle of Python", cure: convert };
  }
  for (const [start, what, cure] of beginnings) if (startsWith(first, start)) return { what, cure };
  if (startsWith(first, "ustar", 257)) return { what: "a tar archive", cure: "Unpack it first" };
  if (startsWith(first, "TFL3", 4)) return { what: "a TensorFlow Lite model", cure: saveAnew };
  if (isOnnx(first)) return { what: "an ONNX model", cure: saveAnew };
  // The header of safetensors stands after its length, 8 bytes of which the upper ones are 0.
  if (!isText(first.subarray(0, 512))) return undefined;
  const text = ascii(first);
  const start = text.trimStart().slice(0, 200).toLowerCase();
  if (start.startsWith("<!doctype html") || start.startsWith("<html") || start.startsWith("<head")) {
    return { what: "a web page", cure: `${again}: a page about it, or of an error, came in its place` };
  }
  if (start.startsWith("<?xml")) return { what: "an XML text, often an error of a server", cure: again };
  if (start.startsWith("{") || start.startsWith("[")) return indexFile(text) ?? { what: "a JSON text", cure: wanted };
  return { what: "a text", cure: wanted };
}
