import { assertEquals, assertMatch } from "@std/assert";
import { changeSince, isLogSum, RunningSum } from "../../../lib/io/log_sum.ts";

function numbered(lines: number): string[] {
  return Array.from({ length: lines }, (_, at) => `${at + 1},row`);
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

Deno.test("RunningSum: line by line gives what all at once gives, SHA-256 of the bytes", async () => {
  const lines = numbered(9);
  const one = new RunningSum().add(text(lines)).sum();
  const other = new RunningSum();
  for (const line of lines) other.add(`${line}\n`);
  assertEquals(other.sum(), one);
  const bytes = new TextEncoder().encode(text(lines));
  const wanted = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  assertEquals([one.lines, one.bytes, one.sha256], [9, bytes.length, wanted]);
  assertEquals(isLogSum(JSON.parse(JSON.stringify(one))), true);
  assertEquals([isLogSum(undefined), isLogSum({ ...one, every: 0 }), isLogSum({ ...one, lines: "9" })], [
    false,
    false,
    false,
  ]);
});

Deno.test("changeSince: lines that came later are no change; each other change is told by its first line", () => {
  const lines = numbered(9);
  const sum = new RunningSum().add(text(lines)).sum();
  assertEquals(changeSince(sum, text(lines)), undefined);
  assertEquals(changeSince(sum, text([...lines, "10", "11"])), undefined);
  assertEquals(changeSince(sum, `${text(lines)}cut of`), undefined);
  for (let at = 0; at < 9; at++) {
    assertEquals(changeSince(sum, text(lines.with(at, "other"))), `line ${at + 1} differs`, "changed");
    const without = lines.toSpliced(at, 1);
    assertEquals(changeSince(sum, text(without)), at === 8 ? "it ends after line 8 of 9" : `line ${at + 1} differs`);
    assertEquals(changeSince(sum, text(lines.slice(0, at))), `it ends after line ${at} of 9`, "cut");
  }
  assertEquals(changeSince(sum, ""), "it ends after line 0 of 9");
  assertEquals(changeSince(sum, text(lines).slice(0, -1)), "it ends after line 8 of 9");
});

Deno.test("changeSince: in long logs the lines are told among which it is, and these hold it", () => {
  const lines = numbered(3000);
  const sum = new RunningSum().add(text(lines)).sum();
  assertEquals(sum.marks.length < 64, true, "few marks are kept");
  for (const at of [0, 1, 77, 1499, 2990, 2999]) {
    const change = changeSince(sum, text(lines.with(at, "other")))!;
    assertMatch(change, /^a line from \d+ to \d+ differs$/);
    const [first, last] = change.match(/\d+/g)!.map(Number);
    assertEquals([first! <= at + 1 && at + 1 <= last!, last! - first! < 64], [true, true], `${at}: ${change}`);
  }
  assertEquals(changeSince(sum, text(lines.slice(0, 2000))), "it ends after line 2000 of 3000");
  assertEquals(changeSince(sum, text(lines.slice(1).slice(0, 1990))), "a line from 1 to 64 differs");
});
