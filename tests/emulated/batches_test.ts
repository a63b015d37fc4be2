/** Batches on the emulated GPU: the CPU's pixels, wherever they are made, and nothing left behind. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { data, Device, LateError, nn, optim, type Tensor, tensor, Trainer } from "../../mod.ts";
import { applyOne } from "../../lib/tensor/apply.ts";
import { writeFolder } from "../support/image_files.ts";
import { tempFolder } from "../temp_folder.ts";
import { closedTo, emulator } from "./emulator.ts";

const usual = { seed: 42, epoch: 1, size: 16, minScale: 0.35, flip: 0.5, erase: 0, eraseCount: 1 };

/** Images of many shapes, one after the other, with bytes between them; the batch takes each several times. */
const sizes = [[16, 16], [16, 25], [40, 16], [33, 47], [1, 1], [2, 90], [90, 3], [224, 100], [700, 9]] as const;

/** What the op makes of them. */
async function crops(device: Device, params: Partial<typeof usual> & { mode: number }): Promise<Float32Array> {
  const table: number[] = [];
  let bytes = 0;
  for (const [height, width] of sizes) {
    table.push(0, bytes, height, width);
    bytes += height * width * 3 + 5;
  }
  const values = Uint8Array.from({ length: bytes }, (_, i) => Math.imul(i, 2_654_435_761) >>> 13);
  const index = Int32Array.from({ length: 27 }, (_, i) => i * 5 % sizes.length);
  using pixels = tensor(values, undefined, { device });
  using places = tensor(Int32Array.from(table), [sizes.length, 4], { device });
  using rows = tensor(index, undefined, { device });
  using images = applyOne("crop_batch", [pixels, places, rows], { ...usual, ...params });
  return await images.data() as Float32Array;
}

Deno.test("cuda (emulated): crop_batch gives the CPU's bits, its noise within rounding", async () => {
  using cpu = new Device("cpu", { threads: 2 });
  using cuda = new Device("cuda");
  for (const mode of [0, 1, 2]) {
    for (const params of [{ mode }, { mode, size: 7, flip: 0 }, { mode, size: 1, flip: 1 }, { mode, size: 45 }]) {
      assertEquals(await crops(cuda, params), await crops(cpu, params), JSON.stringify(params));
    }
    for (const params of [{ mode, erase: 1, eraseCount: 16 }, { mode, size: 33, erase: 0.8, eraseCount: 3 }]) {
      const [wanted, found] = [await crops(cpu, params), await crops(cuda, params)];
      const noise = wanted.filter((value) => value < 0 || value > 1).length;
      assert(noise > 100, `${noise} values of noise`);
      const worst = Math.max(...wanted.map((value, i) => Math.abs(value - found[i]!)));
      assert(worst < 5e-6, `${JSON.stringify(params)}: ${worst}`);
    }
  }
});

Deno.test("cuda (emulated): image_batch gives the CPU's bits", async () => {
  const run = async (device: Device, shift: number, shape: number[]): Promise<Float32Array> => {
    const length = shape.reduce((product, size) => product * size, 1);
    using images = tensor(Uint8Array.from({ length }, (_, i) => i * 37 % 251), shape, { device });
    using rows = tensor(Int32Array.from({ length: 70 }, (_, i) => i * 3 % shape[0]!), undefined, { device });
    using batch = applyOne("image_batch", [images, rows], { seed: 42, epoch: 1, shift, flip: 0.5 });
    return await batch.data() as Float32Array;
  };
  using cpu = new Device("cpu", { threads: 2 });
  using cuda = new Device("cuda");
  for (
    const [shift, shape] of [[2, [50, 7, 9, 1]], [4, [20, 6, 5, 3]], [9, [10, 4, 3, 2]], [0, [3, 40, 33, 3]]] as const
  ) {
    assertEquals(await run(cuda, shift, [...shape]), await run(cpu, shift, [...shape]), `shift ${shift}, [${shape}]`);
  }
});

Deno.test("cuda (emulated): numbers and rows that point outside are late errors with the CPU's words", async () => {
  const failure = async (
    device: Device,
    op: "image_batch" | "crop_batch",
    row: number[],
    number: number,
  ): Promise<string> => {
    using pixels = tensor(new Uint8Array(65), [1, 1, 65, 1], { device });
    using table = tensor(Int32Array.from(row), [1, 4], { device });
    using index = tensor(Int32Array.from([0, number]), undefined, { device });
    using _batch: Tensor = op === "image_batch"
      ? applyOne(op, [pixels, index], { seed: 0, epoch: 0, shift: 0, flip: 0 })
      : applyOne(op, [pixels, table, index], { ...usual, mode: 2 });
    const { message } = await assertRejects(() => device.synchronize(), LateError);
    await device.recover();
    return message.replace(/ \(record \d+\)| at byte \d+ of \d+/g, "");
  };
  using cpu = new Device("cpu", { threads: 1 });
  using cuda = new Device("cuda");
  const fits = [0, 0, 4, 5];
  for (const number of [1, -1]) {
    for (const op of ["image_batch", "crop_batch"] as const) {
      const wanted = await failure(cpu, op, fits, number);
      assert(wanted.includes(`got ${number} at position 1`), wanted);
      assertEquals(await failure(cuda, op, fits, number), wanted);
    }
  }
  for (const row of [[0, 6, 4, 5], [1, 0, 4, 5], [-1, -1, 4, 5], [0, 0, 0, 5], [0, 0, 4, 16_385]]) {
    const wanted = await failure(cpu, "crop_batch", row, 0);
    assert(
      wanted.includes(`Expected row 0 of \`table\` as an image within \`pixels\`, got ${row[2]} x ${row[3]}`),
      wanted,
    );
    assertEquals(await failure(cuda, "crop_batch", row, 0), wanted);
  }
});

/** Everything that two epochs of a data set give, the second from its second batch on. */
async function epochs(
  set: data.Dataset,
  options: data.BatchOptions,
): Promise<{ images: unknown[]; labels: unknown[] }> {
  const [images, labels]: [unknown[], unknown[]] = [[], []];
  const batches = set.batches(2, { seed: 3, ...options });
  for (const position of [{ epoch: 0 }, { epoch: 1, batch: 1 }]) {
    for await (const batch of batches.at(position)) {
      images.push(await batch.images.data());
      labels.push(await batch.labels.data());
    }
  }
  return { images, labels };
}

for (
  const [where, reserve, limit] of [["on the GPU", 0, undefined], ["on the host", 2 ** 32 - 2, undefined], [
    "on the host",
    2 ** 32 - 2,
    3,
  ]] as const
) {
  const name = `cuda (emulated): data.open with the pixels ${where}${limit === undefined ? "" : `, ${limit} images`}`;
  Deno.test(`${name}: the CPU's batches`, async () => {
    const start = emulator.live();
    using folder = tempFolder();
    const [path, cache] = [await writeFolder(join(folder.path, "pets")), join(folder.path, "cache")];
    using cpu = new Device("cpu", { threads: 2 });
    const wanted = await data.open(path, { size: 19, device: cpu, cache, limit });
    {
      using cuda = new Device("cuda");
      const lines: string[] = [];
      const before = cuda.stats();
      const found = await data.open(path, {
        size: 19,
        device: cuda,
        cache,
        limit,
        reserve,
        onWarning: (line) => lines.push(line),
      });
      const bytes = emulator.live()["bytes"]!;
      if (where === "on the GPU") assertEquals(lines, []);
      else {
        assertEquals(lines.length, 2);
        assert(/^[\d,]+ bytes of train images do not fit into the GPU's memory/.test(lines[0]!), lines[0]);
      }
      assert(bytes > 0);
      for (const part of ["train", "valid"] as const) {
        for (
          const options of [
            { flip: 0.5, normalize: data.imagenetStats },
            { crop: "resized", erase: 0 },
            { dropLast: false },
          ] as const
        ) {
          assertEquals(await epochs(found[part], options), await epochs(wanted[part], options), part);
        }
      }
      // A loop that is left early leaves nothing either, though batches were begun ahead.
      for await (const batch of found.train.batches(1)) {
        assertEquals(batch.images.shape, [1, 19, 19, 3]);
        break;
      }
      for (const set of [found.train, found.valid]) set.dispose();
      await cuda.synchronize();
      const { handles, storages } = cuda.stats();
      assertEquals([handles, storages], [before.handles, before.storages]);
    }
    for (const set of [wanted.train, wanted.valid]) set.dispose();
    await closedTo(start);
  });
}

Deno.test("cuda (emulated): a training on the host's batches is the one on the GPU's own, bit for bit", async () => {
  using folder = tempFolder();
  const [path, cache] = [await writeFolder(join(folder.path, "pets")), join(folder.path, "cache")];
  const weights: unknown[] = [];
  for (const reserve of [0, 2 ** 32 - 2]) {
    using cuda = new Device("cuda");
    const { train, valid } = await data.open(path, { size: 19, device: cuda, cache, reserve, onWarning: () => {} });
    const options = { device: cuda, init: new nn.KaimingInit({ seed: 5 }) };
    using model = new nn.Sequential(
      new nn.ConvNorm(3, 8, { ...options, stride: 2, act: "mish" }),
      new nn.GlobalAvgPool2d(),
      new nn.Linear(8, 2, options),
    );
    using trainer = new Trainer(model, { optimizer: optim.adamw(), schedule: optim.constant({ lr: 0.01 }) });
    await trainer.fit(train.batches(2, { seed: 1, flip: 0.5 }), { epochs: 3 });
    assert(trainer.counters.step >= 3, `${trainer.counters.step} steps`);
    const values = [...model.namedParameters()].map(async ([name, weight]) => [name, await weight.data()]);
    weights.push(await Promise.all(values));
    for (const set of [train, valid]) set.dispose();
  }
  assertEquals(weights[1], weights[0]);
});

Deno.test("cuda (emulated): arrays live on the GPU, with the CPU's batches", async () => {
  const arrays = {
    images: Uint8Array.from({ length: 20 * 5 * 6 * 3 }, (_, i) => i * 11),
    labels: Array.from({ length: 20 }, (_, i) => i % 4),
    imageShape: [5, 6, 3] as const,
    classes: 4,
  };
  using cpu = new Device("cpu", { threads: 1 });
  using cuda = new Device("cuda");
  using wanted = data.fromArrays(arrays, { device: cpu, training: true });
  using found = data.fromArrays(arrays, { device: cuda, training: true });
  assertEquals(await epochs(found, { shift: 2, flip: 0.5 }), await epochs(wanted, { shift: 2, flip: 0.5 }));
});
