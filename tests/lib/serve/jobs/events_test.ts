import { assert, assertEquals, assertRejects } from "@std/assert";
import { EventReader } from "../../../../lib/serve/jobs/events.ts";
import { tempFolder } from "../../../temp_folder.ts";

async function numbersOf(reader: EventReader): Promise<number[]> {
  const numbers: number[] = [];
  for (let lines = await reader.next(); lines.length > 0; lines = await reader.next()) {
    numbers.push(...lines.map(({ event: { n } }) => n));
  }
  return numbers;
}

Deno.test("events: of many, those after a number are read without those before", async () => {
  using folder = tempFolder();
  const path = `${folder.path}/events.ndjson`;
  const line = (n: number): string => `{"n":${n},"type":"progress","filler":"${"x".repeat(n % 1000)}"}\n`;
  const most = 3000;
  const numbers = Array.from({ length: most }, (_, at) => at + 1);
  // Some of them damaged, and one longer than what is read at once.
  const lines = numbers.map((n) => n % 500 === 7 ? "\0".repeat(300) + "\n" : line(n));
  lines[1500] = `{"n":1501,"type":"note","message":"${"y".repeat(200_000)}"}\n`;
  Deno.writeTextFileSync(path, lines.join("") + '{"n":3001,"ty');
  const { size } = Deno.statSync(path);
  for (const after of [0, 1, 7, 8, 1499, 1500, 1501, 1502, 2507, 2999, 3000, 9999, Infinity]) {
    const reader = new EventReader(path);
    await reader.skip(after);
    const found: number[] = [];
    let bytes = 0;
    for (let next = await reader.next(); next.length > 0; next = await reader.next()) {
      for (const { event: { n }, text } of next) found.push(n), bytes += text.length;
    }
    const wanted = numbers.filter((n) => n > after && n % 500 !== 7);
    assertEquals(found.filter((n) => n > after), wanted, `${after}`);
    if (after > 2500) assert(bytes < size / 4, `${bytes} bytes for ${after}`);
  }
});

Deno.test("events: read as they grow, whole lines alone, whatever their length", async () => {
  using folder = tempFolder();
  const path = `${folder.path}/events.ndjson`;
  const reader = new EventReader(path);
  assertEquals(await reader.next(), []);
  const line = (n: number, length = 10): string => `${JSON.stringify({ n, type: "note", text: "ä".repeat(length) })}\n`;
  const add = (text: string): void => Deno.writeTextFileSync(path, text, { append: true });
  add(line(1) + line(2).slice(0, -1));
  assertEquals(await numbersOf(reader), [1], "the second has no end yet");
  add("\n");
  assertEquals(await numbersOf(reader), [2]);
  add(line(3).slice(0, 20));
  assertEquals(await numbersOf(reader), []);
  // The next process cuts it off.
  const whole = new TextEncoder().encode(line(1) + line(2)).length;
  Deno.truncateSync(path, whole);
  add(line(3, 500_000) + line(4));
  assertEquals(await numbersOf(reader), [3, 4], "a line longer than what is read at once");
  add(Array.from({ length: 5000 }, (_, at) => line(at + 5, 100)).join(""));
  assertEquals(await numbersOf(reader), Array.from({ length: 5000 }, (_, at) => at + 5));
  assertEquals(await numbersOf(new EventReader(path)), Array.from({ length: 5004 }, (_, at) => at + 1));
});

Deno.test("events: a file without a line's end is told, not held", async () => {
  using folder = tempFolder();
  const path = `${folder.path}/events.ndjson`;
  Deno.writeFileSync(path, new Uint8Array(17 * 2 ** 20).fill(97));
  await assertRejects(() => new EventReader(path).next(), Error, "Expected lines of at most 16777216 bytes");
});
