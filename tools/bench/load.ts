/** Clients that ask a server over and over, each its next question as soon as it has an answer. */
import { rounded } from "./figures.ts";

/** Something to ask. */
export interface Question {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

/** A server, with the probabilities of the likeliest classes that it gave for each question when it was asked alone. */
export interface Asked {
  readonly url: string;
  readonly questions: readonly Question[];
  readonly wanted: readonly number[];
  /** By how much rounding may change a probability, which the size of a batch does. */
  readonly tolerance: number;
}

/** What clients saw. */
export interface Load {
  /** Answers a second. */
  readonly per_s: number;
  /** Milliseconds from asking to having the whole answer: the half and the 99th of a hundred were faster. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly answers: number;
}

/** The probability of an image's likeliest class. Throws where there is no answer. */
export async function asked(url: string, { body, type }: Question): Promise<number> {
  const response = await fetch(url, { method: "POST", headers: { "content-type": type }, body });
  const answer = await response.json();
  const probability = answer.predictions?.[0]?.guesses?.[0]?.probability;
  if (!response.ok || typeof probability !== "number") {
    throw new Error(`Expected an answer of ${url}, got ${response.status} ${JSON.stringify(answer).slice(0, 200)}`);
  }
  return probability;
}

/** The value below which so large a part of sorted numbers lies (nearest rank). */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? NaN;
}

/**
 * Has so many clients ask for so many seconds, after a second in which what they ask does not count. Throws at the first
 * answer that is none, or another than the same image got alone.
 */
export async function load(
  { url, questions, wanted, tolerance }: Asked,
  { clients, seconds, signal }: { clients: number; seconds: number; signal: AbortSignal },
): Promise<Load> {
  const begin = performance.now() + 1000;
  const end = begin + 1000 * seconds;
  const times: number[] = [];
  let answers = 0;
  let next = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      signal.throwIfAborted();
      const at = next++ % questions.length;
      const start = performance.now();
      const found = await asked(url, questions[at]!);
      const now = performance.now();
      if (Math.abs(found - wanted[at]!) > tolerance) {
        throw new Error(`${url} answered image ${at} by ${found}, and by ${wanted[at]} when it was asked alone`);
      }
      // Answers come in bursts: one that was under way as the clock began or stopped counts for the part within.
      const within = Math.min(now, end) - Math.max(start, begin);
      if (within <= 0) continue;
      answers += within / (now - start);
      times.push(now - start);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const sorted = times.toSorted((a, b) => a - b);
  return {
    per_s: rounded(answers / seconds),
    p50_ms: rounded(percentile(sorted, 0.5)),
    p99_ms: rounded(percentile(sorted, 0.99)),
    answers: times.length,
  };
}
