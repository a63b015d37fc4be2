/** A module that is only its parameters, for tests of optimizers. */
import { type Device, nn, type Tensor, tensor } from "../../mod.ts";

/** Parameters under given names; its forward hands its input on. */
export class PlainModel extends nn.Module {
  /** Values and shape by name; they become fields. */
  constructor(
    parameters: Readonly<Record<string, { values: ArrayLike<number>; shape?: readonly number[] }>>,
    options: { dtype?: "f32" | "f64"; device?: Device } = {},
  ) {
    super();
    for (const [name, { values, shape }] of Object.entries(parameters)) {
      const array = options.dtype === "f64" ? Float64Array.from(values) : Float32Array.from(values);
      Object.assign(this, { [name]: nn.Parameter.of(tensor(array, shape, { device: options.device })) });
    }
  }

  override forward(x: Tensor): Tensor {
    return x;
  }

  /** A parameter by name. */
  get(name: string): nn.Parameter {
    return this.namedParameters().get(name)!;
  }

  /** Gives a parameter a gradient of its own dtype and shape. */
  setGrad(name: string, values: ArrayLike<number>): void {
    const { dtype, shape, device } = this.get(name);
    const array = dtype === "f64" ? Float64Array.from(values) : Float32Array.from(values);
    this.get(name).setGrad(tensor(array, shape, { device }).detachFromScope());
  }

  /** The values of a parameter. */
  async read(name: string): Promise<number[]> {
    return Array.from(await this.get(name).data());
  }
}
