/** How far a network's features are from moving with the image (Zhang 2019). */
import { isFloat } from "../../ffi/codes.ts";
import { StateError } from "../../ffi/errors.ts";
import type { AnyModule, Module } from "../../nn/module.ts";
import { tensor } from "../../tensor/create.ts";
import type { Device } from "../../tensor/device.ts";
import { noGrad } from "../../tensor/graph.ts";
import { matmul } from "../../tensor/ops/matmul.ts";
import { concat, inDtype, stack } from "../../tensor/ops/shape.ts";
import { softmax } from "../../tensor/ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { cellShares } from "./alignment.ts";
import { layersOf } from "./layers.ts";
import { notFinite, type Shift } from "./windows.ts";

/** A layer whose features are compared. */
export interface FeatureLayer {
  /** Where it is in the model, with a number from the second call on; `probabilities` is what the classes get. */
  readonly layer: string;
  /** Its class. */
  readonly kind: string;
  /** Sizes of its features for one image: [h, w, c], or [k] where they have no place in the image. */
  readonly shape: readonly number[];
}

/** Features as directions, and where there is none. */
interface Directions {
  /** Vectors of length 1, or of zeros, [h, images, w, c]. */
  readonly units: Tensor;
  /** 1 where there are no features, [h, images, w, 1]. */
  readonly none: Tensor;
}

/** What layers gave of some images that did not move. */
interface Reference extends FeatureLayer {
  readonly own: Directions;
  /** The same moved down by so much, [w, h, images, c] and [w, h, images, 1]: shifts come row by row. */
  down: Directions & { readonly by: number } | undefined;
}

/** What a moved image is compared in. */
interface Moved extends Shift {
  readonly distances: Map<string, Tensor>;
}

/** How windows lie in the images. */
export interface FeatureOptions {
  /** Height and width of what the model gets. */
  readonly size: number;
  /** Whether what leaves the view comes in on the other side. */
  readonly circular: boolean;
  /** Paths of the modules whose features are compared; by default the network's layers. */
  readonly layers?: readonly string[];
}

/** The end of the network, which is no module. */
const END = "probabilities";

/** Features [n, h, w, c] in f32; those without a place have one cell. */
function placed(features: Tensor): Tensor {
  const [n = 0, ...rest] = features.shape;
  return inDtype(rest.length === 1 ? features.reshape([n, 1, 1, rest[0]!]) : features, "f32");
}

/** The lengths of vectors [.., c], 1 for those of zeros, and 1 where they are of zeros; both [.., 1]. */
function lengthsOf(values: Tensor): { lengths: Tensor; none: Tensor } {
  const squares = values.mul(values).sum(3, { keepDims: true });
  const none = squares.equal(0);
  return { lengths: squares.add(none).sqrt(), none };
}

/** Values [h, n, w] added up image by image: the sum is the same, to the bit, whatever others are in the batch. */
function alone(values: Tensor): Tensor {
  const [h = 1, n = 0, w = 1] = values.shape;
  return values.transpose([1, 0, 2]).reshape([n, h * w]).sum(1);
}

function freed(directions: Directions | undefined): void {
  directions?.units.dispose();
  directions?.none.dispose();
}

/**
 * The internal feature distance of Zhang 2019 ("Making Convolutional Networks Shift-Invariant Again", equation 1 and the heat
 * maps of VGG): by how much a layer's features differ between moving them and moving the image, d(Shift(F̃(X)), F̃(Shift(X))),
 * where F̃ is the layer's map brought to the image's height and width. It is 0 where the layer is equivariant to the shift; of
 * features without a place in the image, as logits are, where it is invariant.
 *
 * The paper's d is the cosine distance; here it is 1 minus the cosine of the angle between the vectors of channels, from 0 to
 * 2, as a mean over pixels (Zhang 2018, "The Unreasonable Effectiveness of Deep Features", to which the paper refers for it).
 * F̃ has for each pixel the features of the cell in which the pixel lies. So no map need be enlarged: a mean over pixels is one
 * over pairs of cells, each weighted with the pixels that lie in the one before the shift and in the other behind it. Two
 * places without features are the same, and one without is 1 from one with some.
 */
export class Features implements Disposable {
  readonly #options: FeatureOptions;
  readonly #modules: ReadonlyMap<string, AnyModule>;
  readonly #named: boolean;
  readonly #restore: (() => void)[] = [];
  readonly #references = new Map<string, Reference>();
  /** Directions of the last image of the batch before. */
  readonly #last = new Map<string, Tensor>();
  readonly #shares = new Map<string, Tensor>();
  readonly #calls = new Map<string, number>();
  #moved: Moved | undefined;

  /** Puts a forward that takes notes before that of each layer, until it is disposed. */
  constructor(model: Module, options: FeatureOptions) {
    this.#options = options;
    this.#named = options.layers !== undefined;
    this.#modules = layersOf(model, options.layers);
    for (const [path, module] of this.#modules) this.#observe(path, module);
  }

  /** The layers, in the order in which they were called. */
  get layers(): readonly FeatureLayer[] {
    return [...this.#references.values()].map(({ layer, kind, shape }) => ({ layer, kind, shape }));
  }

  /** The logits of images that did not move, [n, classes], which belong to the open scope; others are then compared with them. */
  unmoved(forward: () => Tensor): Tensor {
    this.#forget();
    this.#moved = undefined;
    return this.#run(forward);
  }

  /** The logits of the same images moved, and the distances of each layer, [layers, n]; both belong to the open scope. */
  moved(shift: Shift, forward: () => Tensor): { logits: Tensor; distances: Tensor } {
    this.#moved = { ...shift, distances: new Map() };
    const { distances } = this.#moved;
    try {
      const logits = this.#run(forward);
      const rows = [...this.#references.keys()].map((layer) => {
        const found = distances.get(layer);
        if (found !== undefined) return found;
        throw new StateError(`measureShift(): Expected the layer "${layer}" for every shift, got it for some only`);
      });
      return { logits, distances: stack(rows) };
    } finally {
      for (const found of distances.values()) found.dispose();
      this.#moved = undefined;
    }
  }

  /** For each layer how far each of the unmoved images is from the one before it, of an earlier batch for the first. */
  async between(): Promise<number[][]> {
    const found: number[][] = [];
    for (const [layer, { own }] of this.#references) {
      const [h = 1, n = 0, w = 1, c = 1] = own.units.shape;
      const before = this.#last.get(layer);
      const [similarities, last] = noGrad(() =>
        scope(() => {
          const all = concat([own.units, own.none], 3);
          const from = (start: number, count: number): Tensor => all.slice([0, start, 0, 0], [h, count, w, c + 1]);
          const earlier = [...(before === undefined ? [] : [before]), ...(n > 1 ? [from(0, n - 1)] : [])];
          const later = before === undefined ? from(1, n - 1) : all;
          const same = earlier.length === 0 ? null : alone(concat(earlier, 1).mul(later).sum(3));
          return [same?.detachFromScope() ?? null, from(n - 1, 1).detachFromScope()] as const;
        })
      );
      before?.dispose();
      this.#last.set(layer, last);
      using same = similarities;
      const values = same === null ? [] : Array.from(await same.data());
      found.push(values.map((value) => Math.max(0, 1 - value / (h * w))));
    }
    return found;
  }

  /** Gives the layers their own forward back. */
  dispose(): void {
    for (const restore of this.#restore.splice(0)) restore();
    this.#forget();
    for (const held of [this.#last, this.#shares]) {
      for (const each of held.values()) each.dispose();
      held.clear();
    }
  }

  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #run(forward: () => Tensor): Tensor {
    this.#calls.clear();
    const logits = forward();
    this.#seen(END, "softmax", softmax(logits));
    return logits;
  }

  #forget(): void {
    for (const { own, down } of this.#references.values()) {
      freed(own);
      freed(down);
    }
    this.#references.clear();
  }

  #observe(path: string, module: AnyModule): void {
    const own = Object.getOwnPropertyDescriptor(module, "forward");
    const forward = module.forward.bind(module) as (...args: unknown[]) => unknown;
    const noting = (...args: unknown[]): unknown => {
      const given = forward(...args);
      this.#seen(path, module.constructor.name, given);
      return given;
    };
    Object.defineProperty(module, "forward", { configurable: true, writable: true, value: noting });
    this.#restore.push(() => {
      if (own === undefined) Reflect.deleteProperty(module, "forward");
      else Object.defineProperty(module, "forward", own);
    });
  }

  #seen(path: string, kind: string, features: unknown): void {
    if (!(features instanceof Tensor) || !isFloat(features.dtype) || ![2, 4].includes(features.rank)) {
      if (!this.#named) return;
      const got = features instanceof Tensor ? `one of shape [${features.shape.join(", ")}]` : "others";
      throw new TypeError(
        `measureShift(): Expected the layer "${path}" to give a tensor [n, h, w, c] or [n, k], got ${got}: leave it out`,
      );
    }
    const call = (this.#calls.get(path) ?? 0) + 1;
    this.#calls.set(path, call);
    const layer = call === 1 ? path : `${path} #${call}`;
    if (this.#moved === undefined) this.#hold(layer, kind, features);
    else this.#compare(layer, features, this.#moved);
  }

  #hold(layer: string, kind: string, features: Tensor): void {
    const own = noGrad(() =>
      scope(() => {
        const values = placed(features);
        const { lengths, none } = lengthsOf(values);
        return { units: values.div(lengths).transpose([1, 0, 2, 3]), none: none.transpose([1, 0, 2, 3]) };
      })
    );
    own.units.detachFromScope();
    own.none.detachFromScope();
    this.#references.set(layer, { layer, kind, shape: features.shape.slice(1), own, down: undefined });
  }

  /** What a layer gave of the images that did not move, moved down. */
  #movedDown(reference: Reference, dy: number): Directions {
    if (reference.down?.by === dy) return reference.down;
    freed(reference.down);
    const shifted = (x: Tensor): Tensor => {
      const [h = 1, n = 0, w = 1, c = 1] = x.shape;
      const moved = matmul(this.#sharesOf(h, dy, x.device), x.reshape([h, n * w * c]));
      return moved.reshape([h, n, w, c]).transpose([2, 0, 1, 3]);
    };
    const { own } = reference;
    const down = noGrad(() => scope(() => ({ units: shifted(own.units), none: shifted(own.none) })));
    down.units.detachFromScope();
    down.none.detachFromScope();
    reference.down = { ...down, by: dy };
    return down;
  }

  #compare(layer: string, features: Tensor, { dy, dx, distances }: Moved): void {
    const reference = this.#references.get(layer);
    if (reference === undefined) {
      throw new StateError(`measureShift(): Expected the layer "${layer}" for every shift, got it for some only`);
    }
    const down = this.#movedDown(reference, dy);
    const found = noGrad(() =>
      scope(() => {
        const across = (x: Tensor): Tensor => {
          const [w = 1, h = 1, n = 0, c = 1] = x.shape;
          return matmul(this.#sharesOf(w, dx, x.device), x.reshape([w, h * n * c])).reshape([w, h, n, c]);
        };
        const values = placed(features);
        const { lengths, none } = lengthsOf(values);
        const along = [2, 1, 0, 3];
        const same = across(down.units).mul(values.transpose(along)).sum(3, { keepDims: true });
        const cosines = same.div(lengths.transpose(along)).add(across(down.none).mul(none.transpose(along)));
        const [w = 1, h = 1, n = 0] = cosines.shape;
        return alone(cosines.reshape([w * h, n, 1])).affine(-1, 1);
      })
    );
    distances.set(layer, found.detachFromScope());
  }

  #sharesOf(cells: number, shift: number, device: Device): Tensor {
    const key = `${cells} ${shift}`;
    const known = this.#shares.get(key);
    if (known !== undefined) return known;
    const { size, circular } = this.#options;
    const made = tensor(cellShares({ cells, side: size, shift, circular }), [cells, cells], { device })
      .detachFromScope();
    this.#shares.set(key, made);
    return made;
  }
}

/** Distances that were read, [layers][images]: rounding must not take them below 0. */
export function distancesOf(values: ArrayLike<number>, layers: number, images: number): number[][] {
  return Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: images }, (_, image) => {
      const value = Number(values[layer * images + image]);
      if (!Number.isFinite(value)) throw notFinite("measureShift", "features");
      return Math.max(0, value);
    }));
}
