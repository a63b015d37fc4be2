/** What becomes of a job whose process has ended. */
import type { StoredJob } from "../store/jobs.ts";
import type { ReadEvent } from "./events.ts";

/** How a process ended, as far as that is known. */
export interface Ended {
  /** The event that it ended by; undefined where it told none. */
  readonly event: ReadEvent | undefined;
  /** Its exit status; undefined of a process that a server started which is no more. */
  readonly code: number | undefined;
  /** The signal that killed it. */
  readonly signal?: string;
  /** The last line of what it said. */
  readonly said: string;
  /** Whether it has saved anything: what it trained is not lost then. */
  readonly gotOn: boolean;
}

/** What becomes of the job: it rests, or a process is started again. */
export type Verdict =
  | { readonly state: "done"; readonly result: unknown }
  | { readonly state: "failed" | "stopped" | "cancelled"; readonly reason: string | null }
  | { readonly state: "again"; readonly reason: string; readonly crashes: number };

/** Processes in a row that may end without having got on; with the next one the job has failed. */
const mostCrashes = 3;

/** Exit statuses of `deno task job`, docs/jobs.md. */
const wrongSpecification = 2;

function howItEnded({ code, signal, said }: Ended): string {
  const end = signal !== undefined
    ? `its process was killed by ${signal}`
    : code === undefined
    ? "its process is gone"
    : `its process ended with status ${code}`;
  return said === "" ? end : `${end}: ${said}`;
}

function messageIn({ error }: ReadEvent): string {
  const message = (error as { message?: unknown } | undefined)?.message;
  return typeof message === "string" ? message : "it does not say why";
}

/** What becomes of a job. */
export function verdictOn({ wish, crashes }: Pick<StoredJob, "wish" | "crashes">, ended: Ended): Verdict {
  const { event, code, gotOn } = ended;
  if (event?.type === "done") return { state: "done", result: event["result"] ?? null };
  if (wish === "cancel") return { state: "cancelled", reason: null };
  if (event?.type === "failed") return { state: "failed", reason: messageIn(event) };
  if (event === undefined && code === wrongSpecification) return { state: "failed", reason: howItEnded(ended) };
  if (wish === "limit") return { state: "stopped", reason: "it ran as long as this server lets a job run" };
  if (event?.type === "stopped" && event["why"] === "deadline") {
    return { state: "stopped", reason: "its deadline came" };
  }
  // Somebody stopped it from outside, or the machine went down: none of its own doing.
  if (event?.type === "stopped") return { state: "again", reason: "its process was stopped by a signal", crashes: 0 };
  if (code === undefined && ended.signal === undefined && event === undefined) {
    return { state: "again", reason: howItEnded(ended), crashes };
  }
  const reason = event?.type === "lost" ? "its device was lost" : howItEnded(ended);
  const count = (gotOn ? 0 : crashes) + 1;
  if (count <= mostCrashes) return { state: "again", reason, crashes: count };
  return { state: "failed", reason: `${count} processes in a row saved nothing; of the last, ${reason}` };
}
