/** Trains on a set whose cache is damaged meanwhile, as the argument says; prints the error that comes of it. */
import { join } from "@std/path";
import { data, Device } from "../../mod.ts";

const [set = "", cache = "", how = ""] = Deno.args;

/** What is done to the pixels of the file that is mapped. */
async function damage(): Promise<void> {
  const { name } = [...Deno.readDirSync(cache)].find(({ name }) => name.startsWith("train-"))!;
  const path = join(cache, name);
  await Deno.chmod(path, 0o644);
  if (how === "cut") return await Deno.truncate(path, 4096);
  if (how === "empty") return await Deno.truncate(path, 0);
  using file = await Deno.open(path, { read: true, write: true });
  if (how === "touch") return await file.utime(1, 1);
  await file.seek(5000, Deno.SeekMode.Start);
  await file.write(new Uint8Array(2000).fill(how === "write" ? 9 : 0));
}

using device = new Device("cpu", { threads: 2 });
const { train, valid } = await data.open(set, { size: 24, cache, device, onWarning: () => {} });
valid.dispose();
let batches = 0;
try {
  for (let epoch = 0; epoch < 3; epoch++) {
    for await (const { images } of train.batches(2, { seed: 0, epoch })) {
      await images.data();
      if (++batches === 1) await damage();
    }
  }
  console.log(JSON.stringify({ batches }));
} catch (error) {
  const { name, message } = error as Error;
  console.log(JSON.stringify({ name, message, batches }));
}
train.dispose();
