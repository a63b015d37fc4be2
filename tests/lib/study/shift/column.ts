import { data, type Device, nn, type Tensor, tensor } from "../../../../mod.ts";

/** Two classes by a column of the window: the second where its pixel in the middle row is bright. */
export class Column extends nn.Module {
  readonly column: number;

  constructor(column: number) {
    super();
    this.column = column;
  }

  override forward(x: Tensor): Tensor {
    const [n = 0, height = 0, width = 0] = x.shape;
    const rows = x.reshape([n * height, width]).transpose().narrow(this.column, 1).reshape([n, height]);
    const bright = rows.sum(1, { keepDims: true });
    // Logits 0 and 10 · (brightness - 0.5).
    return bright.sub(0.5).mul(10).mul(tensor([0, 1], [1, 2], { device: x.device }));
  }
}

/** One bright pixel in each image, at row and column 3 of 8. */
export function canvases(device: Device, n: number): data.Dataset {
  const images = new Uint8Array(64 * n);
  for (let image = 0; image < n; image++) images[64 * image + 3 * 8 + 3] = 255;
  return data.fromArrays({ images, labels: new Uint8Array(n), imageShape: [8, 8, 1], classes: 2 }, { device });
}
