import { concat, data, type Device, nn, scope, type Tensor } from "../../../../mod.ts";

/** An image with itself around it, a pixel wide. */
function ringed(x: Tensor): Tensor {
  const along = (y: Tensor, axis: number): Tensor => {
    const part = (start: number): Tensor =>
      y.slice(y.shape.map((_, at) => at === axis ? start : 0), y.shape.with(axis, 1));
    return concat([part(y.shape[axis]! - 1), y, part(0)], axis);
  };
  return scope(() => along(along(x, 1), 2));
}

/** A 3x3 convolution on a torus. */
export class RingConv extends nn.Module {
  readonly conv: nn.Conv2d;

  constructor(from: number, to: number, options: { device: Device; init: nn.Init }) {
    super();
    this.conv = new nn.Conv2d(from, to, { kernel: 3, padding: 0, ...options });
  }

  override forward(x: Tensor): Tensor {
    return scope(() => this.conv.forward(ringed(x)).relu());
  }
}

/**
 * Convolutions on a torus, at most one pool between them, and the mean over all places: without a pool its answers cannot
 * change as an image moves on the torus, with one of stride 2 they cannot by an even shift.
 */
export class RingNet extends nn.Module {
  readonly first: RingConv;
  readonly pool: nn.Module | null;
  readonly second: RingConv;
  readonly head: nn.Linear;

  constructor({ device, pool = null, classes = 4, seed = 2 }: {
    device: Device;
    pool?: nn.Module | null;
    classes?: number;
    seed?: number;
  }) {
    super();
    const init = new nn.KaimingInit({ seed });
    this.first = new RingConv(1, 6, { device, init });
    this.pool = pool;
    this.second = new RingConv(6, 8, { device, init });
    this.head = new nn.Linear(8, classes, { device, init });
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const y = this.first.forward(x);
      const z = this.second.forward(this.pool?.forward(y) ?? y);
      return this.head.forward(z.mean([1, 2]));
    });
  }
}

/** Noise over stripes that stand or lie, over a chequerboard or over nothing, by class; 12 x 12. */
export function noise(device: Device, n: number): data.Dataset {
  let state = 7;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  const labels = Uint8Array.from({ length: n }, () => next() >>> 30);
  const images = Uint8Array.from({ length: 144 * n }, (_, at) => {
    const [y, x] = [Math.floor(at % 144 / 12), at % 12];
    const bright = [x % 4 < 2, y % 4 < 2, (x + y) % 2 === 0, false][labels[Math.floor(at / 144)]!]!;
    return (next() >>> 25) + (bright ? 127 : 0);
  });
  return data.fromArrays({ images, labels, imageShape: [12, 12, 1], classes: 4 }, { device });
}
