/** A small training on the emulated GPU, whose calls are made to fail. */
import { capture, crossEntropy, Device, models, optim, type Tensor, tensor } from "../../mod.ts";

/** A whole small life: device, weights, eager, recorded and replayed steps, values back. */
export async function smallRun(): Promise<number> {
  using device = new Device("cuda");
  using model = models.mnistNet({ seed: 0, device });
  using optimizer = optim.ranger().bind(model);
  using step = capture((images: Tensor, labels: Tensor) => {
    const loss = crossEntropy(model.forward(images), labels);
    loss.backward();
    optimizer.step();
    return loss;
  });
  let last = NaN;
  for (let i = 0; i < 4; i++) {
    using images = tensor(new Float32Array(4 * 28 * 28).fill(0.1 * i), [4, 28, 28, 1], { device });
    using labels = tensor([1, 2, 3, 4], undefined, { dtype: "i32", device });
    using loss = step(images, labels);
    last = await loss.item();
  }
  return last;
}
