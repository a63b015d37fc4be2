import { assert, assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { FileError } from "../../../lib/io/atomic_file.ts";
import { data, DataError } from "../../../mod.ts";
import { link } from "../../support/links.ts";
import { tempFolder } from "../../temp_folder.ts";

const url = "https://example.org/set.tgz";
const parts = ["a", "b", "c"].map((letter) => new TextEncoder().encode(letter));
/** MD5 of "abc", from RFC 1321. */
const md5 = "900150983cd24fb0d6963f7d28e17f72";

/** An answer that gives `parts` one by one, then does what `end` says. */
function answer(
  options: { end?: (stream: ReadableStreamDefaultController) => void; headers?: HeadersInit } = {},
): Response {
  const { end = (stream) => stream.close(), headers } = options;
  let next = 0;
  const body = new ReadableStream({
    pull(stream): void {
      if (next < parts.length) stream.enqueue(parts[next++]);
      else end(stream);
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers });
}

/** Downloads an answer to `folder`/sub/set.tgz. */
function get(
  folder: string,
  response: Response | (() => Promise<Response>),
  options: Partial<data.DownloadOptions> = {},
): Promise<string> {
  const fetch = (): Promise<Response> => response instanceof Response ? Promise.resolve(response) : response();
  return data.download({ url, file: join(folder, "sub", "set.tgz"), md5, fetch, retries: 0, ...options });
}

/** Nothing may be left of a download that failed for good. */
function assertNothing(folder: string): void {
  assertEquals([...Deno.readDirSync(join(folder, "sub"))], []);
}

/** The beginning is left, under another name, with a note of whose it is. */
function assertBeginning(folder: string, bytes = "abc"): void {
  const sub = join(folder, "sub");
  const names = [...Deno.readDirSync(sub)].map(({ name }) => name).sort();
  assertEquals(names, ["set.tgz.partial", "set.tgz.partial.json"]);
  assertEquals(Deno.readTextFileSync(join(sub, "set.tgz.partial")), bytes);
  assertEquals(JSON.parse(Deno.readTextFileSync(join(sub, "set.tgz.partial.json"))).url, url);
}

Deno.test("download: a whole file with the right MD5 appears, and progress is told", async () => {
  using folder = tempFolder();
  const states: data.DownloadProgress[] = [];
  const asked: string[] = [];
  const found = await data.download({
    url,
    file: join(folder.path, "sub", "set.tgz"),
    md5,
    fetch: (url) => {
      asked.push(url);
      return Promise.resolve(answer({ headers: { "content-length": "3" } }));
    },
    onProgress: (state) => {
      states.push(state);
      const names = [...Deno.readDirSync(join(folder.path, "sub"))].map(({ name }) => name);
      assertEquals(names.sort(), ["set.tgz.partial", "set.tgz.partial.json"]);
    },
  });
  assertEquals([found, asked], [md5, [url]]);
  assertEquals(states, [1, 2, 3].map((bytes) => ({ bytes, expectedBytes: 3, resumedBytes: 0 })));
  assertEquals([...Deno.readDirSync(join(folder.path, "sub"))].map(({ name }) => name), ["set.tgz"]);
  assertEquals(await Deno.readTextFile(join(folder.path, "sub", "set.tgz")), "abc");
});

Deno.test("download: without a known sum or length, what came is taken and its MD5 given", async () => {
  using folder = tempFolder();
  const states: data.DownloadProgress[] = [];
  assertEquals(await get(folder.path, answer(), { md5: null, onProgress: (state) => states.push(state) }), md5);
  assertEquals(states.at(-1), { bytes: 3, expectedBytes: null, resumedBytes: 0 });
});

Deno.test("download: two at once do not touch each other's bytes, and what a killed one left is removed", async () => {
  using folder = tempFolder();
  const sub = join(folder.path, "sub");
  await Deno.mkdir(sub);
  await Deno.writeTextFile(join(sub, "set.tgz.1-0.partial"), "left behind");
  await Deno.writeTextFile(join(sub, "other.tgz.1-0.partial"), "not ours");
  const names = (): string[] => [...Deno.readDirSync(sub)].map(({ name }) => name);
  let second: Promise<string> | undefined;
  const first = await get(folder.path, answer(), {
    onProgress: ({ bytes }) => {
      if (bytes !== 2) return;
      const gone = answer({ end: (stream) => stream.error(new TypeError("gone")) });
      second = get(folder.path, gone);
      second.catch(() => {});
    },
  });
  await assertRejects(() => second!, DataError, "gone");
  assertEquals([first, await Deno.readTextFile(join(sub, "set.tgz"))], [md5, "abc"]);
  assertEquals(names().sort(), ["other.tgz.1-0.partial", "set.tgz"]);
});

Deno.test("download: another MD5 is refused with both, and a file that was there stays", async () => {
  using folder = tempFolder();
  const wrong = "0".repeat(32);
  const message = `Expected ${url} to have the MD5 ${wrong}, got ${md5}: it was damaged or replaced`;
  await assertRejects(() => get(folder.path, answer(), { md5: wrong }), DataError, message);
  assertNothing(folder.path);
  await Deno.writeTextFile(join(folder.path, "sub", "set.tgz"), "old");
  await assertRejects(() => get(folder.path, answer(), { md5: wrong }), DataError, message);
  assertEquals([...Deno.readDirSync(join(folder.path, "sub"))].map(({ name }) => name), ["set.tgz"]);
  assertEquals(await Deno.readTextFile(join(folder.path, "sub", "set.tgz")), "old");
});

/** The first bytes of any gzip file, and some more. */
const gzip = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0]);

Deno.test("download: without a sum, nothing but a gzip file takes an archive's place where one is wanted", async () => {
  using folder = tempFolder();
  const kind = "gzip";
  const page = new Response("<!DOCTYPE html>\n<title>Sign in</title>");
  const refused: [Response, string][] = [
    [page, `got 38 bytes of something else, which begin with "<!DOCTYPE html>": a proxy or`],
    [new Response(new Uint8Array()), "got 0 bytes: a proxy or a sign-in page may have answered"],
    [new Response(new Uint8Array([0x1f])), "got 1 bytes of something else"],
  ];
  for (const [response, told] of refused) {
    const error = await assertRejects(() => get(folder.path, response, { md5: null, kind }), DataError);
    assertStringIncludes(error.message, `Expected ${url} to be a gzip archive, ${told}`);
    assertNothing(folder.path);
  }
  await get(folder.path, new Response(gzip), { md5: null, kind });
  assertEquals(await Deno.readFile(join(folder.path, "sub", "set.tgz")), gzip);
  const wrong = { kind: "zip" } as unknown as Partial<data.DownloadOptions>;
  await assertRejects(() => get(folder.path, answer(), wrong), TypeError, 'Expected `kind` as "gzip"');
});

Deno.test("download: a body without an end, and one that is announced as too large, stop at the most that may come", async () => {
  using folder = tempFolder();
  let sent = 0;
  const endless = new Response(
    new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(1000).fill(++sent % 256)) }),
  );
  const told = `Expected ${url} to have at most 10000 bytes, got `;
  const options = { md5: null, mostBytes: 10_000, retries: 3 };
  await assertRejects(() => get(folder.path, endless, options), DataError, `${told}more: raise \`mostBytes\``);
  assertNothing(folder.path);
  assert(sent < 20);
  const announced = (): Promise<Response> => Promise.resolve(answer({ headers: { "content-length": "10001" } }));
  await assertRejects(() => get(folder.path, announced, options), DataError, `${told}10001`);
  assertNothing(folder.path);
  assertEquals(await get(folder.path, answer(), { md5: null, mostBytes: 3 }), md5);
});

Deno.test("download: a link in the place of what is written is refused, and what it leads to stays", async () => {
  using folder = tempFolder();
  const sub = join(folder.path, "sub");
  await Deno.mkdir(sub);
  const mine = join(folder.path, "mine.txt");
  await Deno.writeTextFile(mine, "mine");
  await link(mine, join(sub, "set.tgz.partial.json.new"));
  assertEquals(await get(folder.path, answer()), md5);
  await link(mine, join(sub, "set.tgz.partial"));
  const path = join(sub, "set.tgz.partial");
  const told = `Expected "${path}" as a file to download into, got a link: remove it`;
  await assertRejects(() => get(folder.path, answer()), FileError, told);
  assertEquals([await Deno.readTextFile(mine), (await Deno.lstat(path)).isSymlink], ["mine", true]);
  await Deno.remove(path);
  // A link to nothing would make what it leads to.
  await link(join(folder.path, "none"), path);
  await assertRejects(() => get(folder.path, answer()), FileError, told);
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), ["mine.txt", "sub"]);
});

Deno.test("download: a full disk is told with what to do", async () => {
  using folder = tempFolder();
  const { write } = Deno.FsFile.prototype;
  // Only what comes is of single bytes.
  Deno.FsFile.prototype.write = function (bytes): Promise<number> {
    if (bytes.length === 1) return Promise.reject(new Error("No space left on device (os error 28)"));
    return write.call(this, bytes);
  };
  try {
    await assertRejects(
      () => get(folder.path, answer()),
      DataError,
      `Cannot download ${url}: No space left on device (os error 28): free some space, or choose another folder. Try again, or ` +
        "give the path",
    );
  } finally {
    Deno.FsFile.prototype.write = write;
  }
  assertNothing(folder.path);
});

Deno.test("download: a connection that breaks says so", async () => {
  using folder = tempFolder();
  const broken = answer({ end: (stream) => stream.error(new TypeError("connection reset")) });
  const path = join(folder.path, "sub", "set.tgz.partial");
  await assertRejects(
    () => get(folder.path, broken),
    DataError,
    `Cannot download ${url}: the connection broke after 3 bytes (connection reset). Try again: it goes on after the 3 ` +
      `bytes in "${path}", or give the path of an archive that is here`,
  );
  assertBeginning(folder.path);
});

Deno.test("download: fewer or more bytes than were announced", async () => {
  using folder = tempFolder();
  const long = answer({ headers: { "content-length": "2" } });
  const more = `Cannot download ${url}: more came than the 2 bytes that the server had announced`;
  await assertRejects(() => get(folder.path, long, { md5: null }), DataError, more);
  assertNothing(folder.path);
  const short = answer({ headers: { "content-length": "10" } });
  const fewer = `Cannot download ${url}: it ended after 3 of 10 bytes`;
  await assertRejects(() => get(folder.path, short, { md5: null }), DataError, fewer);
  assertBeginning(folder.path);
});

Deno.test("download: an answer that is no file, and a host that cannot be reached", async () => {
  using folder = tempFolder();
  const missing = new Response("no such key", { status: 404, statusText: "Not Found" });
  const wanted = `Cannot download ${url}: the server answered 404 Not Found`;
  await assertRejects(() => get(folder.path, missing), DataError, wanted);
  assertNothing(folder.path);
  const unreachable = (): Promise<Response> => Promise.reject(new TypeError("dns error"));
  const error = await assertRejects(() => get(folder.path, unreachable), DataError, `${url}: dns error`);
  assertStringIncludes((error.cause as Error).message, "dns error");
  assertNothing(folder.path);
});

Deno.test("download: a signal ends it with its reason, before and while bytes come", async () => {
  using folder = tempFolder();
  const reason = new Error("enough");
  // As fetch does it: the signal ends the request, or the body that is being read.
  const fetch = (_: string, { signal }: { signal?: AbortSignal }): Promise<Response> => {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return Promise.resolve(answer({
      end: (stream) => signal?.addEventListener("abort", () => stream.error(signal.reason)),
    }));
  };
  const stop = new AbortController();
  const onProgress = ({ bytes }: data.DownloadProgress): void => {
    if (bytes === 3) setTimeout(() => stop.abort(reason), 0);
  };
  const file = join(folder.path, "sub", "set.tgz");
  const options = { url, file, md5, fetch, signal: stop.signal, onProgress };
  assertStrictEquals(await assertRejects(() => data.download(options)), reason);
  assertBeginning(folder.path);
  assertStrictEquals(await assertRejects(() => data.download(options)), reason, "at once the second time");
  assertBeginning(folder.path);
});
