import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { EventsFile } from "../../../../lib/serve/job/events_file.ts";
import { FileError } from "../../../../lib/io/atomic_file.ts";
import type { serve } from "../../../../mod.ts";
import { tempFolder } from "../../../temp_folder.ts";

/** Opens the file, with what it tells. */
async function opened(path: string): Promise<{ events: EventsFile; told: serve.JobEvent[] }> {
  const told: serve.JobEvent[] = [];
  const onEvent = (event: serve.JobEvent): void => void told.push(event);
  return { events: await EventsFile.open(path, { job: "digits", onEvent, now: () => 0 }), told };
}

async function linesOf(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path)).split("\n");
}

Deno.test("events file: a line an event, in the order in which they were added, whether waited for or not", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "events.ndjson");
  const { events, told } = await opened(path);
  events.tell("note", { message: "a\nb" });
  events.tell("note", { message: "\u2028" });
  await events.add("warning", { message: "c" });
  events.tell("note", { message: "d" });
  await events.close();
  const lines = await linesOf(path);
  assertEquals(lines.pop(), "");
  assertEquals(lines.map((line) => JSON.parse(line)), told);
  assertEquals(told.map((event) => [event.n, event.attempt, event.type]), [
    [1, 1, "note"],
    [2, 1, "note"],
    [3, 1, "warning"],
    [4, 1, "note"],
  ]);
  assertEquals(told[0], {
    n: 1,
    time: "1970-01-01T00:00:00.000Z",
    job: "digits",
    attempt: 1,
    type: "note",
    message: "a\nb",
  });
});

Deno.test("events file: cut off at any byte it goes on behind the last whole line, with the next number", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "events.ndjson");
  const { events } = await opened(path);
  // Longer than what is read at a time.
  for (const message of ["first", "x".repeat(200_000), "last"]) await events.add("note", { message });
  await events.close();
  const whole = await Deno.readFile(path);
  const ends = [...whole.entries()].flatMap(([at, byte]) => byte === 0x0a ? [at + 1] : []);
  const cuts = [
    0,
    1,
    ends[0]! - 1,
    ends[0]!,
    ends[0]! + 1,
    65_536,
    150_000,
    ends[1]! - 1,
    ends[1]!,
    ends[1]! + 9,
    ends[2]!,
  ];
  for (const cut of cuts) {
    await Deno.writeFile(path, whole.subarray(0, cut));
    const again = await opened(path);
    const kept = ends.filter((end) => end <= cut).length;
    assertEquals([again.events.last?.n ?? 0, again.events.attempt], [kept, kept === 0 ? 1 : 2], `${cut}`);
    await again.events.add("note", { message: "on" });
    await again.events.close();
    const lines = await linesOf(path);
    assertEquals(
      lines.slice(0, -1).map((line) => JSON.parse(line).n),
      Array.from({ length: kept + 1 }, (_, at) => at + 1),
    );
  }
});

Deno.test("events file: a last line that is no event is refused, and the file is left as it is", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "events.ndjson");
  const numbers = [
    '{"n":0,"attempt":1,"type":"done"}',
    '{"n":-5,"attempt":1,"type":"done"}',
    '{"n":9007199254740993,"attempt":1,"type":"note"}',
  ];
  for (const line of [...numbers, "hello", "{}", '{"n":1.5,"attempt":1,"type":"note"}', "null", ""]) {
    await Deno.writeTextFile(path, `${line}\n`);
    const error = await assertRejects(() => opened(path), FileError);
    assertStringIncludes(error.message, `Expected the last line of "${path}" as an event`);
    assertEquals(await Deno.readTextFile(path), `${line}\n`);
  }
  await assertRejects(() => opened(folder.path), FileError, "Expected a regular file, got a folder");
});

Deno.test("events file: what a listener throws is thrown by the next call that waits, and the event is in the file", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "events.ndjson");
  const onEvent = ({ n }: serve.JobEvent): void => {
    if (n === 1) throw new Error("no ear");
  };
  const events = await EventsFile.open(path, { job: "digits", onEvent, now: Date.now });
  events.tell("note", { message: "a" });
  await assertRejects(() => events.add("note", { message: "b" }), Error, "no ear");
  await events.add("note", { message: "c" });
  await events.close();
  assertEquals((await linesOf(path)).length, 4);
});

Deno.test("events file: on a full disk events wait, none is told before it is written, and the end says so", async () => {
  if (Deno.build.os !== "linux") return;
  using folder = tempFolder();
  const path = join(folder.path, "events.ndjson");
  const { events, told } = await opened(path);
  await events.add("note", { message: "a" });
  const write = Deno.FsFile.prototype.write;
  // A disk that takes a part of a line and then no more.
  let left = 10;
  Deno.FsFile.prototype.write = function (bytes): Promise<number> {
    const count = Math.min(left, bytes.length);
    left -= count;
    if (count === 0) return Promise.reject(new Error("No space left on device"));
    return write.call(this, bytes.subarray(0, count));
  };
  try {
    await events.add("note", { message: "b" });
    assertEquals([told.length, (await linesOf(path)).length], [1, 2]);
    left = Infinity;
    await events.add("note", { message: "c" });
    assertEquals(told.map(({ n }) => n), [1, 2, 3]);
    assertEquals((await linesOf(path)).length, 4);
    left = 0;
    await events.add("note", { message: "d" });
    await assertRejects(() => events.close(), FileError, "No space left on device: free some space");
    assertEquals([told.length, (await linesOf(path)).length], [3, 4]);
  } finally {
    Deno.FsFile.prototype.write = write;
  }
});
