/** What batches hold, on the host. */
import type { data } from "../../mod.ts";

/** One sample of a batch. */
export interface ReadSample {
  /** Its number in the data set. */
  readonly index: number;
  readonly label: number;
  /** size · size · 3 numbers. */
  readonly image: Float32Array;
}

/** The samples of some batches, in their order. */
export async function readSamples(batches: AsyncIterable<data.Batch>): Promise<ReadSample[]> {
  const samples: ReadSample[] = [];
  for await (const { images, labels, index } of batches) {
    const [pixels, classes] = [await images.data() as Float32Array, await labels.data()];
    const length = pixels.length / index.length;
    index.forEach((number, at) => {
      const image = pixels.slice(at * length, (at + 1) * length);
      samples.push({ index: number, label: classes[at] as number, image });
    });
  }
  return samples;
}

/** Whether two images are the same, bit for bit; what assertEquals would take seconds for. */
export function sameImage(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}
