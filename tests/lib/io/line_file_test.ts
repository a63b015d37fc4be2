import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { FileError } from "../../../lib/io/atomic_file.ts";
import { LineFile } from "../../../lib/io/line_file.ts";
import { tempFolder } from "../../temp_folder.ts";

Deno.test("LineFile: lines that cannot be written are kept for the next time", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "deep", "a.csv");
  const file = new LineFile(path);
  assertStringIncludes((await file.add("head\n"))!.message, `Cannot write "${path}"`);
  await assertRejects(() => file.sync(), Error, "Cannot write");
  await Deno.mkdir(join(folder.path, "deep"));
  assertEquals(await file.add("1\n"), undefined);
  assertEquals(await Deno.readTextFile(path), "head\n1\n");
  await file.sync();
  assertEquals(await Deno.readTextFile(path), "head\n1\n");
});

Deno.test("LineFile: keep() takes away rows and a line that was cut off, never the head", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "a.csv");
  const file = new LineFile(path);
  await file.keep(() => true);
  await file.add("head\n1\n2\n3\n4");
  await file.keep((line, number) => Number(line) < 3 && number === Number(line));
  assertEquals(await Deno.readTextFile(path), "head\n1\n2\n");
  assertEquals(await file.sync(), 2);
  await file.add("3\n4\n");
  assertEquals([await file.sync(), await new LineFile(path).sync()], [4, 4]);
  await file.keep(() => false);
  await file.add("5\n");
  assertEquals(await Deno.readTextFile(path), "head\n5\n");
  // A folder in the way, as good as a full disk.
  await Deno.mkdir(join(`${path}.partial`, "x"), { recursive: true });
  await assertRejects(() => file.keep(() => false), Error, "What was there before is unchanged");
  assertEquals(await Deno.readTextFile(path), "head\n5\n");
});

Deno.test("LineFile: its sum is of what it wrote, and of bytes that are no text once they are kept", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "a.csv");
  const file = new LineFile(path, { head: "a,b" });
  await file.begin();
  await file.add("1,2\n3,4\n");
  const sum = await file.sum();
  assertEquals([sum.lines, sum.bytes], [3, 12]);
  assertEquals(await file.changeSince(sum), undefined);
  await Deno.writeFile(path, new Uint8Array([...new TextEncoder().encode("a,b\n1,2\n3,"), 0xff, 10]));
  assertEquals(await file.sum(), sum, "somebody else's bytes are not its own");
  assertEquals(await file.changeSince(sum), "line 3 differs");
  await file.keep(() => true);
  const again = new LineFile(path, { head: "a,b" });
  assertEquals(await again.changeSince(await file.sum()), undefined);
  await Deno.remove(path);
  assertEquals(await file.changeSince(sum), "it is gone");
  await file.keep(() => true);
  assertEquals(await Deno.readTextFile(path), "a,b\n");
});

Deno.test("LineFile: retitle() moves cells to their columns, and begins a file that is not there with a whole line", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "a.csv");
  const file = new LineFile(path);
  await file.retitle(["a", "b"]);
  await file.add("1,2\n");
  assertEquals(await Deno.readTextFile(path), "a,b\n1,2\n");
  await file.retitle(["b", "c", "a"]);
  await file.add("3,4,5\n");
  assertEquals(await Deno.readTextFile(path), "b,c,a\n2,,1\n3,4,5\n");
});

Deno.test("LineFile: a device or a folder in its place is told, and nothing is read without end", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "folder.csv");
  await Deno.mkdir(path);
  for (const [place, what] of [[path, "a folder"], ["/dev/zero", "a device"]] as const) {
    const file = new LineFile(place);
    assertStringIncludes((await file.add("1\n"))!.message, `Expected a regular file, got ${what}`);
    await assertRejects(() => file.sum(), FileError, `Expected a regular file, got ${what}`);
  }
});
