/** The training whose steps are checked and measured: the recipe's network, optimizer and loss, or a narrow form of it. */
import {
  capture,
  type Captured,
  type Device,
  logitsOf,
  type nn,
  type optim,
  rand,
  recipe,
  scoped,
  type Tensor,
  tensor,
} from "../../mod.ts";
import { readTensors } from "../../lib/checkpoint/state.ts";

/** A batch that belongs to the caller. */
export interface TrainingBatch {
  readonly images: Tensor;
  readonly labels: Tensor;
}

/** What to train. */
export interface TrainingOptions {
  /** What the network computes in. */
  readonly dtype: "f32" | "bf16";
  readonly small: boolean;
  readonly bs: number;
  /** Height and width of the images. */
  readonly size: number;
}

const entry = recipe.preset("imagenette-128-5");

/** The usual sizes: those of the recipe, or small ones. */
export function usualSizes(small: boolean): Pick<TrainingOptions, "bs" | "size"> {
  return small ? { bs: 4, size: 32 } : { bs: entry.bs, size: 128 };
}

const classes = Array.from({ length: 10 }, (_, index) => `${index}`);

/** Parameters of the recipe's network. */
export const parameters = 25_616_155;

/** A model with its optimizer, and one step of training them. */
export class EntryTraining implements Disposable {
  readonly model: nn.Module;
  readonly optimizer: optim.BoundOptimizer;
  readonly options: TrainingOptions;
  readonly #device: Device;
  readonly #lossOf = recipe.buildLoss(entry);

  constructor(device: Device, options: TrainingOptions) {
    const { size, dtype, small } = options;
    const own = recipe.change(entry, { model: small ? { widen: 0.25 } : {} });
    this.model = recipe.buildModel({ ...own, dtype, classes, imageShape: [size, size, 3] }, device);
    this.optimizer = recipe.buildOptimizer(own).bind(this.model, { lr: own.schedule.lr });
    this.options = options;
    this.#device = device;
  }

  /** Forward, loss, backward, new weights; gives the loss. */
  readonly body = (images: Tensor, labels: Tensor): Tensor => {
    const loss = this.#lossOf(logitsOf(this.model, images, this.options.dtype), {
      inputs: images,
      images,
      targets: labels,
      labels,
    });
    loss.backward();
    this.optimizer.step();
    return loss;
  };

  /** The step enqueued op by op. */
  eager(): (images: Tensor, labels: Tensor) => Tensor {
    return scoped(this.body);
  }

  /** The step recorded once, then replayed. */
  captured(): Captured<[Tensor, Tensor], Tensor> {
    return capture(this.body);
  }

  /** Images and labels that follow from a number. */
  batch(seed: number, bs: number = this.options.bs): TrainingBatch {
    const { size } = this.options;
    const labels = Int32Array.from({ length: bs }, (_, index) => (3 * index + 7 * seed) % 10);
    return {
      images: rand([bs, size, size, 3], { seed, device: this.#device }),
      labels: tensor(labels, undefined, { device: this.#device }),
    };
  }

  /** Elements of all parameters. */
  get parameters(): number {
    return [...this.model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Weights, statistics and the optimizer's state, by name. */
  async state(): Promise<Map<string, ArrayLike<number>>> {
    const tensors = await readTensors({ model: this.model, optimizer: this.optimizer });
    return new Map([...tensors].map(([name, { data }]) => [name, data as ArrayLike<number>]));
  }

  [Symbol.dispose](): void {
    this.optimizer.dispose();
    this.model.dispose();
  }
}

/** Disposes of a batch. */
export function disposeBatch({ images, labels }: TrainingBatch): void {
  images.dispose();
  labels.dispose();
}
