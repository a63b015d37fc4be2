/** Downloads that go on where they broke off, from a server on 127.0.0.1 that misbehaves in every way. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { type Came, md5Of, url, type Visit, type Visited } from "../../support/download_server.ts";
import { tempFolder } from "../../temp_folder.ts";

const content = "The quick brown fox jumps over the lazy dog";
const all = content.length;
const md5 = md5Of(content);
const etag = `"${md5}"`;
const server = fromFileUrl(new URL("../../support/download_server.ts", import.meta.url));
const root = fromFileUrl(new URL("../../..", import.meta.url));

/** What came of downloads of {@linkcode content}, one unless more are asked for. */
async function visit(
  folder: { path: string },
  what: Partial<Visit> & Pick<Visit, "answers">,
  permissions: readonly string[] = ["--allow-net=127.0.0.1", "--allow-read", "--allow-write=.cache"],
): Promise<Visited> {
  const visit: Visit = { folder: folder.path, content, md5, calls: [{}], ...what };
  const args = ["run", "-q", "--no-prompt", ...permissions, server, JSON.stringify(visit)];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root, stdin: "null" }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(out !== "", err);
  return JSON.parse(out!);
}

/** The file is whole and nothing else is there. */
function assertWhole({ md5: found, error, files }: Came, whole = content): void {
  assertEquals([found, error], [md5Of(whole), undefined]);
  assertEquals(files, { "set.tgz": whole });
}

/** An error of the library's that says so; there is no file under its name. */
function assertRefused({ error = "", kind, files }: Came, ...texts: string[]): void {
  for (const text of texts) assertStringIncludes(error, text);
  assertEquals([kind, files["set.tgz"]], ["DataError", undefined]);
}

Deno.test("download: a connection that breaks is taken up again where it broke, with If-Range", async () => {
  using folder = tempFolder();
  const { calls: [came], requests } = await visit(folder, { answers: [{ cut: 10 }, { cut: 5 }, {}] });
  assertWhole(came!);
  assertEquals(requests, [
    { range: null, ifRange: null },
    { range: "bytes=10-", ifRange: etag },
    { range: "bytes=15-", ifRange: etag },
  ]);
  assertEquals(came!.states.at(-1), { bytes: all, expectedBytes: all, resumedBytes: 0 });
  assertEquals(came!.retries.length, 2);
  assertStringIncludes(came!.retries[1]!, `download: the connection broke after 15 of ${all} bytes (`);
  assertStringIncludes(came!.retries[1]!, "); trying again in 0.002 s (2 of 8)");
});

Deno.test("download: it tries so often and no more, keeps what came, and the next call goes on there", async () => {
  using folder = tempFolder();
  const answers = [{ cut: 10 }, { cut: 0 }, { cut: 0 }, {}];
  const { calls: [first, second], requests } = await visit(folder, { answers, calls: [{ retries: 2 }, {}] });
  assertRefused(
    first!,
    `Cannot download ${url}: `,
    "after 3 tries. Try again: it goes on after the 10 of ",
    "or give the path",
  );
  assertEquals(Object.keys(first!.files), ["set.tgz.partial", "set.tgz.partial.json"]);
  assertEquals(first!.files["set.tgz.partial"], content.slice(0, 10));
  assertWhole(second!);
  assertEquals(second!.states[0], { bytes: 10, expectedBytes: all, resumedBytes: 10 });
  assertEquals(second!.states.at(-1), { bytes: all, expectedBytes: all, resumedBytes: 10 });
  assertEquals(requests.length, 4);
});

Deno.test("download: a signal keeps what came, and so does a process that ends", async () => {
  using folder = tempFolder();
  // The connection would stay open: only what is asked for ends it.
  const hanging = { cut: 12, hang: true };
  const stopped = await visit(folder, { answers: [hanging], calls: [{ abortAt: 12 }] });
  assertEquals([stopped.calls[0]!.error, stopped.calls[0]!.files["set.tgz.partial"]], ["enough", content.slice(0, 12)]);
  const killed = await visit(folder, { answers: [{ ...hanging, cut: 8 }], calls: [{ exitAt: 20 }] });
  assertEquals(killed.calls[0]!.files["set.tgz.partial"], content.slice(0, 20));
  const { calls: [came], requests } = await visit(folder, { answers: [{}] });
  assertWhole(came!);
  assertEquals(requests, [{ range: "bytes=20-", ifRange: etag }]);
  assertEquals(came!.states[0]!.resumedBytes, 20);
});

Deno.test("download: without an ETag the date of the file tells whether it is the same", async () => {
  using folder = tempFolder();
  const date = "Wed, 21 Oct 2015 07:28:00 GMT";
  const answer = { etag: null, headers: { "last-modified": date } };
  const { calls: [came], requests } = await visit(folder, {
    answers: [{ ...answer, cut: 10 }, { ...answer, noIfRange: true }],
    md5: null,
  });
  assertWhole(came!);
  assertEquals(requests[1], { range: "bytes=10-", ifRange: date });
  const later = { etag: null, headers: { "last-modified": "Thu, 22 Oct 2015 07:28:00 GMT" }, noIfRange: true };
  using other = tempFolder();
  const changed = await visit(other, {
    answers: [{ ...answer, cut: 10 }, { ...later, body: content.toUpperCase() }],
    md5: null,
  });
  assertWhole(changed.calls[0]!, content.toUpperCase());
});

Deno.test("download: where nothing tells that it is the same file, all of it comes again", async () => {
  for (const etag of [null, 'W/"weak"']) {
    using folder = tempFolder();
    const { calls: [came], requests } = await visit(folder, { answers: [{ cut: 10, etag }, { etag }], md5: null });
    assertWhole(came!);
    assertEquals(requests[1], { range: null, ifRange: null });
  }
  using folder = tempFolder();
  const { calls: [came], requests } = await visit(folder, { answers: [{ cut: 10, etag: null }, { etag: null }] });
  assertWhole(came!);
  assertEquals(requests[1], { range: "bytes=10-", ifRange: null }, "a known MD5 tells in the end");
});

Deno.test("download: a server that knows no ranges sends all of it, which is taken from the beginning", async () => {
  using folder = tempFolder();
  const { calls: [came] } = await visit(folder, { answers: [{ cut: 10 }, { noRanges: true }] });
  assertWhole(came!);
});

Deno.test("download: a file that has changed meanwhile is taken from the beginning", async () => {
  const other = content.toUpperCase();
  using folder = tempFolder();
  const { calls: [came] } = await visit(folder, {
    answers: [{ cut: 10 }, { body: other, etag: '"other"' }],
    md5: md5Of(other),
  });
  assertWhole(came!, other);
  // One that takes no notice of If-Range, with another ETag or without one: the sum tells.
  for (const etag of ['"other"', null]) {
    using folder = tempFolder();
    const { calls: [came], requests } = await visit(folder, {
      answers: [{ cut: 10 }, { body: other, etag, noIfRange: true }],
      md5: md5Of(other),
    });
    assertWhole(came!, other);
    assertEquals(requests.map(({ range }) => range), [null, "bytes=10-", null]);
    assertStringIncludes(
      came!.retries[1]!,
      etag === null ? "has to come again" : "asked for the bytes from 10 on, the server gave other ones",
    );
  }
});

Deno.test("download: a part that is not the one asked for is not taken", async () => {
  for (const range of ["bytes 0-42/43", "bytes 10-20/43", "bytes 10-98/99", "lines 10-42/43"]) {
    using folder = tempFolder();
    const { calls: [came], requests } = await visit(folder, {
      answers: [{ cut: 10 }, { headers: { "content-range": range } }, {}],
    });
    assertWhole(came!);
    assertStringIncludes(came!.retries[1]!, `the server gave other ones (Content-Range: ${range})`);
    assertEquals(requests[2]!.range, null);
  }
});

Deno.test("download: 416 ends it where all is here, else all comes again", async () => {
  using folder = tempFolder();
  const partial = join(folder.path, "set.tgz.partial");
  const begin = (bytes: string, note: object): void => {
    Deno.writeTextFileSync(partial, bytes);
    Deno.writeTextFileSync(`${partial}.json`, JSON.stringify({ url, etag, lastModified: null, ...note }));
  };
  begin(content, { expectedBytes: all });
  const whole = await visit(folder, { answers: [{}] });
  assertWhole(whole.calls[0]!);
  assertEquals(whole.requests, [], "its sum says that nothing is lacking");
  begin(content, { expectedBytes: all });
  const unknown = await visit(folder, { answers: [{}], md5: null });
  assertWhole(unknown.calls[0]!);
  assertEquals(unknown.requests.map(({ range }) => range), [`bytes=${all}-`]);
  begin(`${content}!`, { expectedBytes: null });
  const longer = await visit(folder, { answers: [{}] });
  assertWhole(longer.calls[0]!);
  assertStringIncludes(longer.calls[0]!.retries[0]!, `416 Range Not Satisfiable to the bytes from ${all + 1} on`);
  assertEquals(longer.requests.map(({ range }) => range), [`bytes=${all + 1}-`, null]);
  const { calls: [always] } = await visit(emptied(folder), {
    answers: [{ status: "416 Range Not Satisfiable" }],
  });
  assertRefused(always!, "the server answered 416 Range Not Satisfiable. Try again, or give the path");
});

Deno.test("download: a beginning that is damaged, of elsewhere, or without a readable note is not used", async () => {
  using folder = tempFolder();
  const partial = join(folder.path, "set.tgz.partial");
  const note = { url, etag, lastModified: null, expectedBytes: all };
  Deno.writeTextFileSync(partial, "xxxxx");
  Deno.writeTextFileSync(`${partial}.json`, JSON.stringify(note));
  const damaged = await visit(folder, { answers: [{}] });
  assertWhole(damaged.calls[0]!);
  assertEquals(damaged.requests.map(({ range }) => range), ["bytes=5-", null]);
  for (const text of [JSON.stringify({ ...note, url: "http://elsewhere/" }), "{", "null", '{"url":3}', undefined]) {
    Deno.writeTextFileSync(partial, "xxxxx");
    if (text !== undefined) Deno.writeTextFileSync(`${partial}.json`, text);
    const { calls: [came], requests } = await visit(folder, { answers: [{}] });
    assertWhole(came!);
    assertEquals(requests.map(({ range }) => range), [null], text);
  }
});

Deno.test("download: a wrong file is refused with both sums, and nothing of it stays", async () => {
  using folder = tempFolder();
  const { calls: [came], requests } = await visit(folder, { answers: [{ body: "another one" }] });
  const wanted = `Expected ${url} to have the MD5 ${md5}, got ${md5Of("another one")}: it was damaged or replaced`;
  assertRefused(came!, wanted);
  assertEquals([came!.files, requests.length], [{}, 1]);
});

Deno.test("download: a server that lies about the length", async () => {
  using folder = tempFolder();
  const long = { headers: { "content-length": "99" } };
  const { calls: [came] } = await visit(folder, { answers: [long], md5: null, calls: [{ retries: 3 }] });
  assertRefused(came!, `416 Range Not Satisfiable to the bytes from ${all} on of 99, it has ${all}, after 4 tries`);
  using other = tempFolder();
  const short = { headers: { "content-length": "10" } };
  const { calls: [cut] } = await visit(other, { answers: [short] });
  assertRefused(cut!, `to have the MD5 ${md5}, got ${md5Of(content.slice(0, 10))}`);
  assertEquals(cut!.files, {});
});

Deno.test("download: 404 ends it at once, 500 and 503 are tried again", async () => {
  using folder = tempFolder();
  const missing = await visit(folder, { answers: [{ status: "404 Not Found", body: "no such key" }] });
  assertRefused(missing.calls[0]!, `Cannot download ${url}: the server answered 404 Not Found. Try again, or give`);
  assertEquals([missing.requests.length, missing.calls[0]!.files], [1, {}]);
  const broken = await visit(folder, { answers: [{ status: "500 Internal Server Error" }], calls: [{ retries: 2 }] });
  assertRefused(broken.calls[0]!, "the server answered 500 Internal Server Error, after 3 tries");
  assertEquals(broken.requests.length, 3);
  const busy = { status: "503 Service Unavailable", headers: { "retry-after": "1" } };
  const begun = await visit(folder, { answers: [{ cut: 10 }, busy, {}] });
  assertWhole(begun.calls[0]!);
  assertStringIncludes(begun.calls[0]!.retries[1]!, "503 Service Unavailable; trying again in 1 s (2 of 8)");
});

Deno.test("download: a server that falls silent counts as gone after a while", async () => {
  using folder = tempFolder();
  const { calls: [came] } = await visit(folder, {
    answers: [{ cut: 10, hang: true }, {}],
    calls: [{ timeout: 300 }],
  });
  assertWhole(came!);
  assertStringIncludes(came!.retries[0]!, `broke after 10 of ${all} bytes (no byte came for 0.3 s); trying again`);
});

Deno.test("download: a redirect is followed where the script may go, and nowhere else", async () => {
  using folder = tempFolder();
  const to = (host: string) => ({ status: "302 Found", headers: { location: `http://${host}:PORT/there` } });
  const { calls: [came], requests } = await visit(folder, { answers: [to("127.0.0.1"), {}] });
  assertWhole(came!);
  assertEquals(requests.length, 2);
  const away = await visit(emptied(folder), { answers: [to("localhost"), {}] });
  assertRefused(
    away.calls[0]!,
    "this script may not reach it, or where it leads to (Requires net access to",
    "localhost",
  );
  assertEquals(away.requests.length, 1);
});

/** The same folder, emptied. */
function emptied(folder: { path: string }): { path: string } {
  for (const { name } of Deno.readDirSync(folder.path)) Deno.removeSync(join(folder.path, name));
  return folder;
}
