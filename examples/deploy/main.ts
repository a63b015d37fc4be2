/**
 * A control plane for Deno Deploy: HTTP and a schedule, which have a `deno task serve` elsewhere train. Here:
 *
 *     deno run --unstable-cron --allow-net --allow-env examples/deploy/main.ts
 *
 * README.md beside this file says which variables it takes.
 */
import { handle, type Target, tick } from "./control.ts";

function variable(name: string, usual?: string): string {
  const value = Deno.env.get(name) ?? usual;
  if (value === undefined) throw new Error(`Expected the environment's ${name}, got none: see README.md`);
  return value;
}

const target: Target = { url: variable("SERVE_URL"), token: variable("SERVE_TOKEN") };
const ownToken = variable("CONTROL_TOKEN");
const spec = JSON.parse(variable("JOB", '{"preset": "mnist"}'));
const model = variable("MODEL", "nightly");

// A schedule's name and times are told apart by the platform when this module is loaded, so they stand here.
Deno.cron("a job a day", variable("SCHEDULE", "*/15 * * * *"), async () => {
  const { job, inService } = await tick(target, { spec, model });
  console.log(
    `${job.id}: ${job.state}${job.reason ? ` (${job.reason})` : ""}, in service: ${inService ?? "as before"}`,
  );
});

Deno.serve({ port: Number(variable("PORT", "8000")) }, (request) => handle(request, target, ownToken));
