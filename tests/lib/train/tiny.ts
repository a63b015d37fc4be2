import { data, type Device, models, optim, type State, Trainer, type TrainerOptions } from "../../../mod.ts";

/**
 * Images [8, 8, 1] of four classes: the quadrant of the class is bright, the rest is dark, with some noise in both that
 * follows from the pixel's number. Easy to learn, and with a different image for each sample.
 */
export function tinyData(device: Device, n: number, options: { training?: boolean } = {}): data.Dataset {
  const labels = Array.from({ length: n }, (_, image) => image % 4);
  const images = new Uint8Array(64 * n);
  for (let pixel = 0; pixel < images.length; pixel++) {
    const [image, row, column] = [pixel >> 6, (pixel >> 3) & 7, pixel & 7];
    const bright = (row >> 2) * 2 + (column >> 2) === labels[image];
    images[pixel] = (bright ? 150 : 30) + Math.imul(pixel, 0x9e3779b1) % 60;
  }
  return data.fromArrays({ images, labels, imageShape: [8, 8, 1], classes: 4 }, { device, ...options });
}

/** A network of the mnist preset's form, small. */
export function tinyModel(device: Device, options: { seed?: number; dtype?: "f32" | "f64" } = {}): models.XResNet {
  const { seed = 0, dtype } = options;
  return models.mnistNet({ classes: 4, stem: [4, 4, 8], widths: [8, 16], reduction: 4, seed, dtype, device });
}

/** A trainer with the mnist preset's optimizer. */
export function tinyTrainer(model: models.XResNet, options: Partial<TrainerOptions> = {}): Trainer {
  return new Trainer(model, {
    optimizer: optim.ranger({ wd: 1e-2 }),
    schedule: optim.flatCos({ lr: 8e-3 }),
    labelSmoothing: 0.1,
    ...options,
  });
}

/** A state as text that differs whenever a bit of it does; without times, which no two trainings share. */
export function fingerprint({ tensors, counters }: State): string {
  const bytes = [...tensors].map(([name, { data }]) => {
    const words = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return `${name}: ${words.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5)}`;
  });
  return [...bytes.sort(), JSON.stringify({ ...counters, trainSeconds: 0, epochSeconds: 0 })].join("\n");
}
