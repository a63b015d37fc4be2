/** A model's file as what answers requests. */
import { open } from "../../recipe/trained.ts";
import { Batcher } from "../predict/batcher.ts";
import type { Predictor } from "./service.ts";

/** Opens a model's file; images of all requests are answered in shared batches. */
export async function openModel(
  path: string,
  options: { readonly threads?: number; readonly onWarning?: (message: string) => void } = {},
): Promise<Predictor> {
  const trained = await open(path, options);
  try {
    const batcher = new Batcher(trained);
    return {
      predict: (image, { top }) => batcher.predict(image, { top }),
      [Symbol.asyncDispose]: async (): Promise<void> => {
        await batcher[Symbol.asyncDispose]();
        trained[Symbol.dispose]();
      },
    };
  } catch (error) {
    trained[Symbol.dispose]();
    throw error;
  }
}
