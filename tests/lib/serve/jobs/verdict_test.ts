import { assertEquals } from "@std/assert";
import type { ReadEvent } from "../../../../lib/serve/jobs/events.ts";
import { type Ended, verdictOn } from "../../../../lib/serve/jobs/verdict.ts";
import type { Wish } from "../../../../lib/serve/store/jobs.ts";

const event = (type: string, more: Record<string, unknown> = {}): ReadEvent => ({ n: 9, type, ...more });
const ended = (more: Partial<Ended>): Ended => ({ event: undefined, code: undefined, said: "", gotOn: false, ...more });
const stateOf = (more: Partial<Ended>, wish: Wish | null = null, crashes = 0): string => {
  const verdict = verdictOn({ wish, crashes }, ended(more));
  return verdict.state === "again" ? `again, ${verdict.crashes} crashes` : verdict.state;
};

Deno.test("verdict: what a process told decides, then what is wished, then its status", () => {
  const done = event("done", { result: 1 });
  const failed = event("failed", { error: { message: "no" } });
  const byDeadline = event("stopped", { why: "deadline" });
  const bySignal = event("stopped", { why: "signal" });
  const cases: readonly (readonly [string, Partial<Ended>, Wish | null, number, string])[] = [
    ["done", { event: done, code: 0 }, null, 0, "done"],
    ["done before it could be cancelled", { event: done, code: 0 }, "cancel", 0, "done"],
    ["done, and killed after", { event: done, signal: "SIGKILL" }, null, 3, "done"],
    ["failed", { event: failed, code: 1 }, null, 0, "failed"],
    ["failed while it was cancelled", { event: failed, code: 1 }, "cancel", 0, "cancelled"],
    ["a wrong specification", { code: 2 }, null, 0, "failed"],
    ["its deadline", { event: byDeadline, code: 75 }, null, 0, "stopped"],
    ["its deadline while it was cancelled", { event: byDeadline, code: 75 }, "cancel", 0, "cancelled"],
    ["cancelled", { event: bySignal, code: 143 }, "cancel", 0, "cancelled"],
    ["cancelled before it told anything", { signal: "SIGTERM" }, "cancel", 0, "cancelled"],
    ["the server's limit", { event: bySignal, code: 143 }, "limit", 0, "stopped"],
    ["the server's limit, and it took no notice", { signal: "SIGKILL" }, "limit", 0, "stopped"],
    ["stopped by somebody else", { event: bySignal, code: 143 }, null, 2, "again, 0 crashes"],
    ["gone with its machine", {}, null, 2, "again, 2 crashes"],
    ["killed", { signal: "SIGKILL" }, null, 0, "again, 1 crashes"],
    ["killed once more, having saved", { signal: "SIGKILL", gotOn: true }, null, 3, "again, 1 crashes"],
    ["killed too often", { signal: "SIGKILL" }, null, 3, "failed"],
    ["its device lost", { event: event("lost"), code: 70 }, null, 1, "again, 2 crashes"],
    ["its device lost too often", { event: event("lost"), code: 70 }, null, 3, "failed"],
    ["its device lost, and its status unknown", { event: event("lost") }, null, 0, "again, 1 crashes"],
    ["another process has it", { code: 75 }, null, 0, "again, 1 crashes"],
    ["a status that means nothing", { code: 7 }, null, 0, "again, 1 crashes"],
  ];
  for (const [what, more, wish, crashes, wanted] of cases) assertEquals(stateOf(more, wish, crashes), wanted, what);
  assertEquals(verdictOn({ wish: null, crashes: 3 }, ended({ code: 7, said: "error: no" })), {
    state: "failed",
    reason: "4 processes in a row saved nothing; of the last, its process ended with status 7: error: no",
  });
});
