/** Trains the mnist preset's network for an epoch of 16 steps and tells how long a timer of 5 ms was kept waiting. */
import process from "node:process";
import { data, Device, models, optim, Trainer } from "../../../mod.ts";

/** What the worker answers. */
export interface Answer {
  /** Longest time between two turns of the timer, ms. */
  gap: number;
  /** Most processor time of this thread between two turns, ms: what it did itself, without what the system made it wait. */
  own: number;
  /** How often the timer came. */
  turns: number;
  steps: number;
  /** Share of a processor that a busy thread got before and after, 0 to 1: other work on the machine lowers it. */
  share: number;
}

/** Counts the time between two looks at the clock as ours unless it was too long for that. */
function processorShare(): number {
  const start = performance.now();
  let [own, last] = [0, start];
  while (last - start < 200) {
    const now = performance.now();
    if (now - last < 0.5) own += now - last;
    last = now;
  }
  return own / (last - start);
}

/** Processor time of this thread, ms. */
function threadTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

async function measured(capture: boolean): Promise<Answer> {
  const before = processorShare();
  using device = new Device("cpu");
  const { train, valid } = await data.mnist({ device, limit: 1024 });
  using model = models.mnistNet({ seed: 0, device });
  using trainer = new Trainer(model, {
    optimizer: optim.ranger({ wd: 1e-2 }),
    schedule: optim.flatCos({ lr: 8e-3 }),
    capture,
  });
  let [gap, own, turns, last, spent] = [0, 0, 0, performance.now(), threadTime()];
  const turn = (): void => {
    const [now, time] = [performance.now(), threadTime()];
    [gap, own, turns] = [Math.max(gap, now - last), Math.max(own, time - spent), turns + 1];
    [last, spent] = [now, time];
  };
  const timer = setInterval(turn, 5);
  await trainer.fit(train.batches(64, { seed: 0, shift: 2 }), { epochs: 1, valid: valid.batches(256) });
  turn();
  clearInterval(timer);
  train.dispose();
  valid.dispose();
  await device.synchronize();
  return { gap, own, turns, steps: trainer.counters.step, share: Math.min(before, processorShare()) };
}

const scope = self as unknown as { onmessage(event: MessageEvent<boolean>): void; postMessage(answer: Answer): void };
scope.onmessage = async ({ data }): Promise<void> => scope.postMessage(await measured(data));
