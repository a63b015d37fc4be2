/** Answers as a process that is measured does, with times that its arguments say: parameters, then milliseconds a step. */
import { TextLineStream } from "../../../tools/bench/lines.ts";

const [parameters = "10", ...milliseconds] = Deno.args;
const asked: unknown[] = [];

function answer(request: Record<string, Record<string, unknown>>): unknown {
  asked.push(request);
  if ("asked" in request) return { asked };
  if ("fail" in request) return { error: "out of paper" };
  if ("end" in request) {
    console.error("the last words");
    Deno.exit(3);
  }
  if ("setup" in request) return { parameters: Number(parameters), first_step_s: 1.5, cached_graphs: 0 };
  const rate = request["run"]!["optimizer"] === "adamw" ? 0.5 : 1;
  const ms = Array.from({ length: Number(request["run"]!["steps"]) }, (_, i) => {
    return rate * Number(milliseconds[i % milliseconds.length]);
  });
  return { ms, peak_mib: 100, whole_peak_mib: 200 };
}

console.log(JSON.stringify({ ready: { torch: "0.0" } }));
for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
  console.log(JSON.stringify(answer(JSON.parse(line))));
}
