/** Images of a data set as a page shows them. */
import { StateError } from "../../ffi/errors.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Picture } from "../report/page.ts";

/** Grey values three times, or colours as they are; of more channels the first three. */
export function rgb(values: ArrayLike<number>, channels: number): Uint8Array<ArrayBuffer> {
  const pixels = new Uint8Array(values.length / channels * 3);
  for (let at = 0; at < pixels.length; at++) {
    const [pixel, colour] = [Math.floor(at / 3), at % 3];
    const value = values[pixel * channels + (channels < 3 ? 0 : colour)]!;
    pixels[at] = Math.round(255 * Math.min(1, Math.max(0, value)));
  }
  return pixels;
}

/** Images of a data set by their numbers, as they are before any statistics are taken off, each with its label. */
export async function picturesOf(
  set: Dataset,
  wanted: readonly (Pick<Picture, "label" | "wrong"> & { readonly sample: number })[],
): Promise<Picture[]> {
  const [height, width, channels] = set.imageShape;
  const pictures: Picture[] = [];
  for (const { sample, ...told } of wanted) {
    for await (const { images, index } of set.batches(1, { shuffle: false, dropLast: false, from: sample })) {
      if (index[0] !== sample) {
        throw new StateError(
          `Expected image ${sample} of the data set, got ${index[0]}: do its batches keep to \`from\`?`,
        );
      }
      pictures.push({ pixels: rgb(await images.data(), channels), height, width, ...told });
      break;
    }
  }
  return pictures;
}
