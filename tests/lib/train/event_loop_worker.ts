/** Trains the mnist preset's network for an epoch of 16 steps and tells how long a timer of 5 ms was kept waiting. */
import { data, Device, models, optim, Trainer } from "../../../mod.ts";

/** What the worker answers. */
export interface Answer {
  /** Longest time between two turns of the timer, ms. */
  gap: number;
  /** How often the timer came. */
  turns: number;
  steps: number;
}

async function measured(capture: boolean): Promise<Answer> {
  using device = new Device("cpu");
  const { train, valid } = await data.mnist({ device, limit: 1024 });
  using model = models.mnistNet({ seed: 0, device });
  using trainer = new Trainer(model, {
    optimizer: optim.ranger({ wd: 1e-2 }),
    schedule: optim.flatCos({ lr: 8e-3 }),
    capture,
  });
  let [gap, turns, last] = [0, 0, performance.now()];
  const turn = (): void => {
    const now = performance.now();
    [gap, turns, last] = [Math.max(gap, now - last), turns + 1, now];
  };
  const timer = setInterval(turn, 5);
  await trainer.fit(train.batches(64, { seed: 0, shift: 2 }), { epochs: 1, valid: valid.batches(256) });
  turn();
  clearInterval(timer);
  train.dispose();
  valid.dispose();
  return { gap, turns, steps: trainer.counters.step };
}

const scope = self as unknown as { onmessage(event: MessageEvent<boolean>): void; postMessage(answer: Answer): void };
scope.onmessage = async ({ data }): Promise<void> => scope.postMessage(await measured(data));
