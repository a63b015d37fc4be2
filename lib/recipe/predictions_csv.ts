/** Every prediction of a data set as a CSV file. */
import type { Dataset } from "../data/dataset.ts";
import { makeFolderOf, writeFileAtomic } from "../io/atomic_file.ts";
import { csvField } from "../io/csv.ts";
import type { Predictions } from "../train/predictions.ts";

/** Writes one row an image, in the order of the data: its file, class, the predicted class and its probability. */
export async function writePredictions(
  path: string,
  predictions: Predictions,
  { names, classes }: Pick<Dataset, "names" | "classes">,
): Promise<void> {
  const rows = Array.from(predictions.index, (sample, at) => {
    const [label, predicted] = [predictions.labels[at]!, predictions.predicted[at]!].map((place) =>
      csvField(classes[place]!)
    );
    const probability = predictions.probability[at]!.toFixed(6);
    return `${csvField(names?.[sample] ?? `${sample}`)},${label},${predicted},${probability}\n`;
  });
  const text = `image,label,prediction,probability\n${rows.join("")}`;
  await makeFolderOf(path);
  await writeFileAtomic(path, [new TextEncoder().encode(text)]);
}
