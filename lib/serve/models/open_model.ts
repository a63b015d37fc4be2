/** A model's file as what answers requests. */
import { open } from "../../recipe/trained.ts";
import type { Predictor } from "./service.ts";

/** Opens a model's file; each request is answered by itself. */
export async function openModel(path: string): Promise<Predictor> {
  const trained = await open(path);
  return {
    predict: async (images, { top }) => {
      const { predictions, failures: [failed] } = await trained.predict(images, { top });
      if (failed !== undefined) throw failed.error;
      return predictions;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(trained[Symbol.dispose]()),
  };
}
