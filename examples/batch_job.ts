/**
 * Training inside a batch service that calls a handler for so many seconds and may then end it: a request with a job's
 * specification trains for a while, in this process, and tells its events as lines of JSON. The same request goes on.
 *
 *     deno run -P=examples --allow-net=127.0.0.1 tasks/example.ts batch_job --port 8471 --seconds 50
 *     curl -N 127.0.0.1:8471 -d '{"name": "digits", "preset": "mnist", "deadline": 20}'
 *
 * The last line says how the request ended; after `stopped` and `lost` send it again. Give a request more seconds than
 * starting and measuring once take, or it gets no further.
 */
import { parseArgs } from "@std/cli/parse-args";
import { serve } from "@libtrain/libtrain";

/** A handler of requests whose jobs are kept below a folder; each request may take some seconds, and a signal ends all. */
export function batchHandler(
  { folder, seconds, signal }: { folder: string; seconds: number; signal: AbortSignal },
): (request: Request) => Promise<Response> {
  const line = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  return async (request) => {
    const left = new AbortController();
    const stop = AbortSignal.any([left.signal, AbortSignal.timeout(1000 * seconds), signal]);
    let to!: ReadableStreamDefaultController<Uint8Array>;
    const begun = Promise.withResolvers<void>();
    let running: Promise<serve.JobEnding>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (to = controller),
      // A client that leaves stops the training, which saves first.
      cancel: () => (left.abort(), running.then(() => {}, () => {})),
    });
    try {
      const asked = serve.checkJob(serve.parseJob(await request.text()));
      // Where the job is kept is this service's to say.
      const job = { ...asked, output: `${folder}/${asked.name}` };
      running = serve.runJob(job, {
        signal: stop,
        onEvent: (event) => {
          begun.resolve();
          if (!left.signal.aborted) to.enqueue(line(event));
        },
      });
      // What is refused is so before anything has happened, and has a status; a job that was done before has no events.
      await Promise.race([begun.promise, running]);
    } catch (error) {
      const busy = error instanceof serve.JobLockedError || error instanceof serve.JobChangedError;
      if (!busy && !(error instanceof serve.JobError)) throw error;
      return Response.json({ error: error.message }, { status: busy ? 409 : 422 });
    }
    const told = running.then(({ type }) => ({ ending: type }), ({ message }) => ({ ending: "broken", message }));
    void told.then((last) => left.signal.aborted || (to.enqueue(line(last)), to.close()));
    return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
  };
}

/** The script: a server on this machine, which SIGTERM has save and end. */
export async function main(): Promise<void> {
  const args = parseArgs(Deno.args, { string: ["folder"], default: { folder: "runs/batch", port: 8471, seconds: 50 } });
  const stop = new AbortController();
  const handler = batchHandler({
    folder: String(args["folder"]),
    seconds: Number(args["seconds"]),
    signal: stop.signal,
  });
  const onListen = ({ port }: Deno.NetAddr): void => console.log(`Listening on http://127.0.0.1:${port}`);
  const server = Deno.serve({ hostname: "127.0.0.1", port: Number(args["port"]), onListen }, handler);
  for (const name of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(name, () => stop.abort());
  stop.signal.addEventListener("abort", () => server.shutdown());
  await server.finished;
  Deno.exit(); // The listeners to signals would keep the process.
}
