/** What a model answered, image by image, in as few characters as a file needs to compare it with another. */
import { StateError } from "../../ffi/errors.ts";
import { requireOptions, requireText, requireWhole } from "../../tensor/ops/checks.ts";
import type { Predictions } from "../../train/predictions.ts";

/** The answers of a run, in the order of the data set. */
export interface Answers {
  /** Images. */
  readonly total: number;
  /** Right answers among them. */
  readonly correct: number;
  /** One bit an image, the first the lowest of its byte: whether it was answered rightly; in base64. */
  readonly right: string;
  /** One byte an image, two (the lower first) from 257 classes on: the class that was answered; in base64. */
  readonly predicted: string;
}

/** Bytes of a class. */
export function widthFor(classes: number): number {
  return classes <= 256 ? 1 : classes <= 65_536 ? 2 : 4;
}

/** Packs the answers of a measurement. */
export function packAnswers({ index, labels, predicted }: Predictions, classes: number): Answers {
  const order = [...index.keys()].sort((a, b) => index[a]! - index[b]!);
  const width = widthFor(classes);
  const bits = new Uint8Array(Math.ceil(order.length / 8));
  const bytes = new Uint8Array(order.length * width);
  let correct = 0;
  for (const [place, at] of order.entries()) {
    if (predicted[at] === labels[at]) {
      bits[place >> 3]! |= 1 << (place & 7);
      correct++;
    }
    for (let byte = 0; byte < width; byte++) bytes[place * width + byte] = predicted[at]! >>> (8 * byte);
  }
  return { total: order.length, correct, right: bits.toBase64(), predicted: bytes.toBase64() };
}

function bytesOf(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch (error) {
    throw new StateError("Expected answers in base64, got other text: restore the file", { cause: error });
  }
}

/** Whether each image was answered rightly. */
export function rightAnswers(answers: Answers): boolean[] {
  requireOptions("rightAnswers", answers, "rightAnswers(record.answers)");
  const { total, correct, right } = answers;
  requireWhole("rightAnswers", "total", total);
  requireWhole("rightAnswers", "correct", correct);
  requireText("rightAnswers", "right", right);
  const bits = bytesOf(right);
  const found = Array.from({ length: total }, (_, at) => ((bits[at >> 3] ?? 0) >> (at & 7) & 1) === 1);
  if (found.filter(Boolean).length === correct) return found;
  throw new StateError(
    `Expected ${correct} right answers of ${total}, as their count says, got others: restore the file`,
  );
}
