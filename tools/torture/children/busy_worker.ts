/** A Worker that makes mixed calls until it is ended: right ones, disposed handles, handles of others, a recorded step. */
import { callOp, type Handle } from "../../../lib/ffi/call.ts";
import { LibtrainError } from "../../../lib/ffi/errors.ts";
import { releaseTensor } from "../../../lib/ffi/native.ts";
import { capture, Device, full, randn, scope, type Tensor, tensor } from "../../../mod.ts";
import { Random } from "../random.ts";

/** What it is told once. */
export interface Start {
  readonly seed: number;
  /** A tensor of another thread. */
  readonly foreign: Handle;
}

/** What it says: calls since the last time, and what went wrong. */
export interface Progress {
  readonly calls: number;
  readonly wrong?: string;
}

const own = self as unknown as {
  onmessage: ((event: MessageEvent<Start>) => void) | null;
  postMessage(progress: Progress): void;
};

/** A call that has to give an error of the library. */
function refused(what: string, call: () => unknown): string | undefined {
  try {
    call();
    return `${what}: was not refused`;
  } catch (error) {
    return error instanceof LibtrainError || error instanceof TypeError ? undefined : `${what}: ${error}`;
  }
}

async function mixed({ seed, foreign }: Start): Promise<void> {
  const rng = new Random(seed);
  const device = new Device("cpu", { threads: rng.between(1, 2) });
  const weight = full([64, 64], 0.01, { device });
  const step = capture((x: Tensor) => x.matmul(weight).sum());
  const input = full([64, 64], 1, { device });
  const tasks: readonly (() => Promise<string | undefined> | string | undefined)[] = [
    async (): Promise<string | undefined> => {
      const size = rng.between(1, 300);
      using total = scope(() => full([size, 70], 2, { device }).mul(3).sum());
      const sum = await total.item();
      return sum === size * 420 ? undefined : `sum of ${size} rows: ${sum}`;
    },
    async (): Promise<string | undefined> => {
      using loss = step(input);
      const value = await loss.item();
      return Math.abs(value - 64 * 64 * 0.64) < 1 ? undefined : `the recorded step gave ${value}`;
    },
    (): string | undefined => {
      const gone = tensor([1, 2], undefined, { device });
      const { handle } = gone;
      gone.dispose();
      gone.dispose();
      return refused("a disposed tensor", () => gone.mul(2)) ??
        refused("its handle", () => callOp(device.handle, "relu", [handle], {}));
    },
    (): string | undefined => refused("a handle of another thread", () => callOp(device.handle, "relu", [foreign], {})),
    // Not refused, as a queue that is gone may not be either; the other thread's tensor stays.
    (): undefined => void releaseTensor(device.handle, foreign),
    (): string | undefined => {
      using a = randn([3, 4], { seed: 1, device });
      return refused("shapes that do not fit", () => a.matmul(a));
    },
    async (): Promise<undefined> => {
      const other = new Device("cpu", { threads: 1 });
      using x = full([1000], 1, { device: other });
      using y = x.add(1);
      if (rng.chance(0.5)) await y.data();
      other.dispose();
    },
  ];
  let since = performance.now();
  let calls = 0;
  while (true) {
    const wrong = await rng.pick(tasks)();
    calls++;
    if (wrong !== undefined || performance.now() - since > 200) {
      own.postMessage({ calls, wrong });
      [since, calls] = [performance.now(), 0];
      // A Worker that never gives way cannot be ended between two calls.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
}

own.onmessage = ({ data }): void => {
  mixed(data).catch((error) => own.postMessage({ calls: 0, wrong: String(error) }));
};
