/** Short jobs of a server under load, what they must come to, and what their models must answer. */
import { fromFileUrl, join } from "@std/path";
import { loadCheckpoint } from "../../lib/checkpoint/checkpoint.ts";
import { checkpointIn } from "../../lib/checkpoint/checkpoints.ts";
import { stateSum } from "./state_sum.ts";

/** Three epochs of sixteen steps: a second, beside the time that a process takes to begin. */
const RECIPE = { epochs: 3, bs: 32, data: { limit: 512 } };

/** An image that each model is asked. */
export const image = fromFileUrl(new URL("../../tests/fixtures/images/png_grey.png", import.meta.url));

/** A job that trains for a second. */
export function specOf(name: string, seed = 0): Record<string, unknown> & { readonly name: string } {
  return { name, preset: "mnist", recipe: { ...RECIPE, seed }, saveEvery: 0.2 };
}

/** The sum of all that a job's last state holds. */
export async function sumOf(state: string, job: string): Promise<string> {
  return await stateSum((await loadCheckpoint(checkpointIn(join(state, "jobs", job, "run")))).state);
}

/** What an image shows; throws where there is no answer. */
export async function predicted(url: string, body: Uint8Array<ArrayBuffer> | string = image): Promise<string> {
  const bytes = typeof body === "string" ? await Deno.readFile(body) : body;
  const headers = { "content-type": "image/png" };
  const response = await fetch(`${url}/predict?top=10`, { method: "POST", headers, body: bytes });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${answer}`);
  return answer;
}

/** Whether two answers are alike but for rounding, which the size of a batch may change. */
export function isAlike(answer: string, wanted: string): boolean {
  const of = (text: string): number[] => {
    const { predictions: [first] } = JSON.parse(text);
    const byLabel = (a: { label: number }, b: { label: number }): number => a.label - b.label;
    return first.guesses.sort(byLabel).map(({ probability }: { probability: number }) => probability);
  };
  const other = of(wanted);
  return of(answer).every((probability, label) => Math.abs(probability - other[label]!) < 1e-5);
}

/** What is wrong with a job that is done: `heard` are the numbers of events that a client heard. */
export async function judged(
  state: string,
  job: string,
  heard: readonly number[],
  wanted: string,
): Promise<string | undefined> {
  const text = await Deno.readTextFile(join(state, "jobs", job, "events.ndjson"));
  const count = text.split("\n").length - 1;
  const wrong = heard.findIndex((n, at) => n !== at + 1);
  if (wrong >= 0) return `event ${heard[wrong]} was heard in the place of ${wrong + 1}`;
  if (heard.length !== count) return `${heard.length} of ${count} events were heard`;
  const sum = await sumOf(state, job);
  return sum === wanted ? undefined : `SHA-256 ${sum}, of an undisturbed job ${wanted}`;
}
