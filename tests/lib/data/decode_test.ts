import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { data, DataError, Device } from "../../../mod.ts";

const images = fromFileUrl(new URL("../../fixtures/images/", import.meta.url));

function file(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return Deno.readFile(join(images, name));
}

/** A JPEG of 7,000 x 7,000 pixels that says no more than a small one: about half a second's work. */
async function large(): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await file("progressive_444.jpg");
  const at = bytes.findIndex((byte, i) => byte === 0xFF && bytes[i + 1] === 0xC2);
  new DataView(bytes.buffer).setUint16(at + 5, 7000);
  new DataView(bytes.buffer).setUint16(at + 7, 7000);
  return bytes;
}

Deno.test("decodeImage: RGB bytes as PIL gives them, with the shorter side resized where that is asked for", async () => {
  using device = new Device("cpu", { threads: 1 });
  for (const name of ["baseline_420.jpg", "png_rgba_16_interlaced.png", "webp_alpha_lossy.webp"]) {
    const bytes = await file(name);
    using whole = await data.decodeImage(bytes, { device, strict: true });
    const ppm = await file(name.replace(/[.].*/, ".ppm"));
    assertEquals([whole.dtype, whole.shape[2]], ["u8", 3]);
    assertEquals([...await whole.data()], [...ppm.subarray(ppm.length - whole.size)], name);
    using small = await data.decodeImage(bytes, { device, size: 10 });
    assertEquals(Math.min(small.shape[0]!, small.shape[1]!), 10);
  }
});

Deno.test("decodeImage: damage is told, or refused", async () => {
  using device = new Device("cpu", { threads: 1 });
  const bytes = await file("damaged_tables.jpg");
  const told: string[] = [];
  using pixels = await data.decodeImage(bytes, { device, onDamage: (reason) => told.push(reason) });
  assertEquals(pixels.shape, [45, 67, 3]);
  assertEquals(told, ["Without Huffman tables, decoded with the usual ones"]);
  await assertRejects(
    () => data.decodeImage(bytes, { device, strict: true }),
    DataError,
    "Damaged: Without Huffman tables",
  );
  using whole = await data.decodeImage(await file("grey.jpg"), { device, onDamage: (reason) => told.push(reason) });
  assertEquals([whole.shape[2], told.length], [3, 1]);
  assertEquals(device.stats().handles, 2);
});

Deno.test("decodeImage: limits are kept and named, and can be set", async () => {
  using device = new Device("cpu", { threads: 1 });
  const bytes = await file("progressive_444.jpg");
  for (
    const [limits, message] of [
      [{ pixels: 3014 }, "Expected at most 3014 pixels in all, got 3015 (the limit `pixels`)"],
      [{ side: 60 }, "Expected at most 60 pixels a side, got 67"],
      [{ scans: 2 }, "Expected at most 2 scans, got 10"],
      [{ work: 10_000 }, "Expected at most 10000 pixels times scans, got 30150"],
      [{ memory: 9045 }, "bytes of memory to decode"],
      [{ fileBytes: 100 }, "Expected at most 100 bytes of file"],
    ] as const
  ) {
    await assertRejects(() => data.decodeImage(bytes, { device, limits }), DataError, message);
  }
  await assertRejects(() => data.decodeImage(bytes, { device, limits: { pixels: 0 } }), RangeError, "limits.pixels");
  await assertRejects(
    () => data.decodeImage(bytes, { device, limits: { pixel: 1 } as data.DecodeLimits }),
    TypeError,
    "pixel",
  );
  await assertRejects(
    () => data.decodeImage("x" as never, { device }),
    TypeError,
    "Expected the bytes of a file as a Uint8Array",
  );
  await assertRejects(() => data.decodeImage(new Uint8Array(), { device }), DataError, "The file is empty");
});

Deno.test("decodeImage: the event loop goes on, and an abort ends it with its reason", async () => {
  using device = new Device("cpu", { threads: 1 });
  const bytes = await large();
  let turns = 0;
  const timer = setInterval(() => turns += 1, 0);
  const reason = new Error("enough");
  const control = new AbortController();
  const all = Array.from({ length: 4 }, () => data.decodeImage(bytes, { device, signal: control.signal }));
  // Two are under way and two wait: all end at once.
  while (turns < 5) await new Promise((resolve) => setTimeout(resolve, 0));
  control.abort(reason);
  for (const { status, ...rest } of await Promise.allSettled(all)) {
    assertEquals(status, "rejected");
    assertStrictEquals((rest as { reason: unknown }).reason, reason);
  }
  clearInterval(timer);
  assertStrictEquals(
    await data.decodeImage(bytes, { device, signal: control.signal }).catch((error) => error),
    reason,
  );
  // Turns were given back, and nothing is left on the device.
  using pixels = await data.decodeImage(await file("grey.jpg"), { device });
  assertEquals(pixels.shape, [45, 67, 3]);
  assertEquals(device.stats().handles, 1);
});
