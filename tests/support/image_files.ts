/** Data sets of image files, made from the fixtures. */
import { dirname, join } from "@std/path";

const images = new URL("../fixtures/images/", import.meta.url);

/** Files by path, say `train/cat/a.jpg`: the name of a fixture, or bytes. */
export type Layout = Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>;

/** Two classes, six images to train on and four to measure with: JPEG of 67 x 45 pixels and PNG of 23 x 19. */
export const small: Layout = {
  "train/cat/a.jpg": "baseline_420.jpg",
  "train/cat/b.JPEG": "grey.jpg",
  "train/cat/c.png": "png_rgb.png",
  "train/dog/a.jpeg": "progressive_444.jpg",
  "train/dog/b.png": "png_palette.png",
  "train/dog/c.jpg": "cmyk.jpg",
  "val/cat/x.jpg": "baseline_422.jpg",
  "val/cat/y.jpg": "orientation_6.jpg",
  "val/dog/x.jpg": "baseline_444.jpg",
  "val/dog/y.png": "png_rgba.png",
};

/** The bytes of a fixture. */
export async function fixture(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(new URL(name, images));
}

/** The files of a layout with their bytes. */
export async function filesOf(layout: Layout): Promise<[string, Uint8Array<ArrayBuffer>][]> {
  return await Promise.all(
    Object.entries(layout).map(async ([path, image]): Promise<[string, Uint8Array<ArrayBuffer>]> => [
      path,
      typeof image === "string" ? await fixture(image) : image,
    ]),
  );
}

/** Writes a layout as a folder, and gives its path. */
export async function writeFolder(path: string, layout: Layout = small): Promise<string> {
  for (const [name, bytes] of await filesOf(layout)) {
    const file = join(path, name);
    await Deno.mkdir(dirname(file), { recursive: true });
    await Deno.writeFile(file, bytes);
  }
  return path;
}

/** As many copies of an image as asked for in one class, `val/a/0.png` and so on. */
export function copies(count: number, image: string, folder = "val/a"): Layout {
  const suffix = image.slice(image.lastIndexOf("."));
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`${folder}/${at}${suffix}`, image]));
}

/** Pixels of an image. */
export interface Pixels {
  readonly height: number;
  readonly width: number;
  /** height · width · 3 bytes, RGB, row-major. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** What Pillow makes of a fixture, without resizing. */
export async function pixelsOf(name: string): Promise<Pixels> {
  const bytes = await fixture(name.replace(/\.\w+$/, ".ppm"));
  const [, width, height] = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(
    new TextDecoder("latin1").decode(bytes.subarray(0, 32)),
  )!;
  const sizes = { height: Number(height), width: Number(width) };
  return { ...sizes, data: bytes.subarray(bytes.length - sizes.height * sizes.width * 3) };
}

/** A square of an image as a batch holds it, 0 to 1. */
export function square({ width, data }: Pixels, at: { top: number; left: number; size: number }): Float32Array {
  const { top, left, size } = at;
  return Float32Array.from({ length: size * size * 3 }, (_, place) => {
    const [row, column, channel] = [Math.floor(place / size / 3), Math.floor(place / 3) % size, place % 3];
    return data[((top + row) * width + left + column) * 3 + channel]! / 255;
  });
}

/** The square in the middle, as high and wide as the shorter side. */
export function middle(image: Pixels): Float32Array {
  const { height, width } = image;
  const size = Math.min(height, width);
  return square(image, { top: (height - size) >> 1, left: (width - size) >> 1, size });
}
