/**
 * Downloads from a server on 127.0.0.1 that does as it is told, in a process of its own, which may end in between: started
 * with a {@linkcode Visit} as JSON, it prints what came of it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { download, type DownloadProgress } from "../../lib/data/download.ts";

/** What the server does at one request; the last is repeated. */
export interface Answer {
  /** Status line, say "404 Not Found"; without one it serves the file, or the range that was asked for. */
  readonly status?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What it sends in the place of the file. */
  readonly body?: string;
  /** Bytes of the body after which it ends the connection. */
  readonly cut?: number;
  /** Sends nothing more then, and does not end it. */
  readonly hang?: boolean;
  /** Takes no notice of ranges. */
  readonly noRanges?: boolean;
  /** Takes no notice of If-Range. */
  readonly noIfRange?: boolean;
  readonly etag?: string | null;
}

/** One or more downloads of the same file. */
export interface Visit {
  readonly folder: string;
  /** The server's file. */
  readonly content: string;
  readonly md5: string | null;
  readonly answers: readonly Answer[];
  readonly calls: readonly {
    readonly retries?: number;
    readonly timeout?: number;
    /** Bytes after which the signal aborts, or the process is gone. */
    readonly abortAt?: number;
    readonly exitAt?: number;
  }[];
}

/** What one download came to. */
export interface Came {
  readonly md5?: string;
  readonly error?: string;
  readonly kind?: string;
  readonly states: readonly DownloadProgress[];
  readonly retries: readonly string[];
  /** Names and bytes of the files in the folder. */
  readonly files: Readonly<Record<string, string>>;
}

/** What there was to see. */
export interface Visited {
  readonly calls: readonly Came[];
  readonly requests: readonly { readonly range: string | null; readonly ifRange: string | null }[];
}

/** MD5 of a text, in hex. */
export function md5Of(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

/** The URL that the library sees, whatever the port is. */
export const url = "http://127.0.0.1/set.tgz";

async function readRequest(connection: Deno.TcpConn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(4096);
  while (!text.includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return text;
}

function field(request: string, name: string): string | null {
  return new RegExp(`^${name}: (.*)\r$`, "im").exec(request)?.[1] ?? null;
}

/** Status, headers and body for a request. */
function answerTo(request: string, content: string, answer: Answer): [string, Record<string, string>, string] {
  if (answer.status !== undefined) {
    const body = answer.body ?? "";
    return [answer.status, { "content-length": `${body.length}`, ...answer.headers }, body];
  }
  const { etag = `"${md5Of(content)}"`, body = content } = answer;
  const own: Record<string, string> = etag === null ? {} : { etag };
  const start = Number(/bytes=(\d+)-/.exec(field(request, "range") ?? "")?.[1] ?? 0);
  const same = field(request, "if-range");
  if (start === 0 || answer.noRanges || (same !== null && same !== etag && !answer.noIfRange)) {
    return ["200 OK", { ...own, "content-length": `${body.length}`, ...answer.headers }, body];
  }
  if (start >= body.length) {
    return ["416 Range Not Satisfiable", { "content-range": `bytes */${body.length}`, "content-length": "0" }, ""];
  }
  const range = `bytes ${start}-${body.length - 1}/${body.length}`;
  const rest = body.slice(start);
  const headers = { ...own, "content-range": range, "content-length": `${rest.length}`, ...answer.headers };
  return ["206 Partial Content", headers, rest];
}

async function visit({ folder, content, md5, answers, calls }: Visit): Promise<Visited> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const requests: { range: string | null; ifRange: string | null }[] = [];
  const open: Deno.TcpConn[] = [];
  const serve = async (connection: Deno.TcpConn): Promise<void> => {
    const request = await readRequest(connection);
    const answer = answers[Math.min(requests.length, answers.length - 1)]!;
    requests.push({ range: field(request, "range"), ifRange: field(request, "if-range") });
    const [status, headers, body] = answerTo(request, content, answer);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value.replace("PORT", `${port}`)}\r\n`);
    const text = `HTTP/1.1 ${status}\r\n${lines.join("")}connection: close\r\n\r\n${body.slice(0, answer.cut)}`;
    await connection.write(new TextEncoder().encode(text));
    if (answer.hang) open.push(connection);
    else connection.close();
  };
  const serving = (async (): Promise<void> => {
    for await (const connection of listener) await serve(connection);
  })().catch(() => {});
  const seen: Came[] = [];
  for (const { abortAt = Infinity, exitAt = Infinity, ...options } of calls) {
    const stop = new AbortController();
    const [states, retries]: [DownloadProgress[], string[]] = [[], []];
    const came = (rest: Pick<Came, "md5" | "error" | "kind">): Came => ({
      ...rest,
      states,
      retries,
      files: files(folder),
    });
    try {
      const found = await download({
        url,
        file: `${folder}/set.tgz`,
        md5,
        wait: 1,
        signal: stop.signal,
        ...options,
        fetch: (_, init) => fetch(`http://127.0.0.1:${port}/set.tgz`, init),
        onProgress: (state) => {
          states.push(state);
          if (state.bytes >= abortAt) stop.abort(new Error("enough"));
          if (state.bytes >= exitAt) {
            console.log(JSON.stringify({ calls: [...seen, came({})], requests }));
            Deno.exit(0);
          }
        },
        onRetry: (line) => retries.push(line.replaceAll(`:${port}`, "")),
      });
      seen.push(came({ md5: found }));
    } catch (error) {
      seen.push(came({ error: (error as Error).message, kind: (error as Error).name }));
    }
  }
  listener.close();
  for (const connection of open) connection.close();
  await serving;
  return { calls: seen, requests };
}

function files(folder: string): Record<string, string> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return Object.fromEntries(names.map((name) => [name, Deno.readTextFileSync(`${folder}/${name}`)]));
}

if (import.meta.main) console.log(JSON.stringify(await visit(JSON.parse(Deno.args[0]!) as Visit)));
