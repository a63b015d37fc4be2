/** Routes about the server itself. */
import { jobStates } from "../store/jobs.ts";
import { HttpError, json } from "./http_error.ts";
import type { Gauge } from "./metrics.ts";
import { openApi } from "./openapi.ts";
import { type Route, route } from "./route.ts";
import { schemas } from "./schemas.ts";
import type { Service } from "./service.ts";

function gauges({ store, supervisor, streams, bodies, models, limits }: Service): Gauge[] {
  const counts = store.jobs.counts();
  const { whole, taken } = supervisor.shares;
  const figures = supervisor.all.map(({ job: { id }, latest }) => ({ id, event: latest.get("progress") }));
  const perJob = (name: string, help: string, field: string): Gauge => ({
    name,
    help,
    values: figures.flatMap(({ id, event }) => typeof event?.[field] === "number" ? [[{ job: id }, event[field]]] : []),
  });
  const one = (name: string, help: string, value: number): Gauge => ({ name, help, values: [[{}, value]] });
  return [
    {
      name: "libtrain_jobs",
      help: "Jobs by their states",
      values: jobStates.map((state) => [{ state }, counts[state]] as const),
    },
    one("libtrain_queue_limit", "Jobs that may wait", limits.queued),
    one("libtrain_threads", "CPU threads for jobs", whole.threads),
    one("libtrain_threads_taken", "CPU threads that jobs have", taken.threads),
    one("libtrain_memory_mebibytes", "Memory for jobs, MiB", whole.memory),
    one("libtrain_memory_mebibytes_taken", "Memory that jobs may hold, MiB", taken.memory),
    one("libtrain_event_streams", "Clients that follow events", streams),
    one("libtrain_body_bytes", "Bytes of requests that are held", bodies.held),
    one("libtrain_models_open", "Models that are open", models.open.length),
    one("libtrain_process_resident_bytes", "Memory of the server's process", Deno.memoryUsage().rss),
    perJob("libtrain_job_step", "Steps that a job has done", "step"),
    perJob("libtrain_job_loss", "A job's loss", "loss"),
    perJob("libtrain_job_images_per_second", "Images a second that a job trains", "imagesPerSecond"),
  ];
}

/** The routes about the server. */
export function serviceRoutes(service: Service, all: () => readonly Route[]): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/healthz",
      about: "Says that the process answers",
      open: true,
      looks: true,
      parameters: {},
      answers: { 200: { about: "It does", schema: "Health" } },
      run: (): Response => json({ status: "alive" }),
    }),
    route({
      method: "GET",
      path: "/readyz",
      about: "Says whether requests are welcome",
      open: true,
      looks: true,
      parameters: {},
      answers: { 200: { about: "They are", schema: "Health" } },
      run: (): Response => {
        if (service.draining) throw new HttpError(503, "The server is about to end", { "retry-after": "10" });
        service.store.jobs.counts();
        return json({ status: "ready" });
      },
    }),
    route({
      method: "GET",
      path: "/metrics",
      about: "Counts, for Prometheus",
      looks: true,
      parameters: {},
      answers: { 200: { about: "The counts", type: "text/plain" } },
      run: (): Response =>
        new Response(service.metrics.text(gauges(service)), {
          headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        }),
    }),
    route({
      method: "GET",
      path: "/openapi.json",
      about: "This document",
      open: true,
      looks: true,
      parameters: {},
      answers: { 200: { about: "The document", type: "application/json" } },
      run: (): Response => json(openApi(all(), schemas())),
    }),
  ];
}
