/** Every op and every gradient rule on the device, beside PyTorch's stored values and beside the CPU. */
import { type OpRow, opRows, readOpCases } from "../../tests/support/op_cases.ts";
import { runFixtures } from "../../tests/support/op_fixtures.ts";
import type { DeviceUnderTest } from "../../tests/support/devices.ts";
import type { ComparedTensor } from "../../tests/support/run_case.ts";
import { differentiableOps, ruleGradients } from "../../tests/support/rule_gradients.ts";
import { messageOf } from "../../lib/cli/command.ts";
import { UsageError } from "../../lib/cli/flags.ts";
import { Device } from "../../mod.ts";
import { type Difference, largestDifference } from "./differences.ts";
import { type Checks, isLate, openDevice, type PartContext, rounded, wanted } from "./part.ts";

/** Dtypes that both devices have fast kernels for. */
const DTYPES = ["f32", "bf16"] as const;

/** How far a gradient in f32 may be from the CPU's, as a share of the largest number, or absolutely near 0. */
const RULE_LIMIT = 2e-5;

/** What one op came to in one dtype. */
interface OpRecord {
  readonly op: string;
  readonly dtype: string;
  /** Tensors compared. */
  readonly tensors: number;
  /** The tensor element that uses up most of its tolerance. */
  readonly worst: {
    readonly what: string;
    readonly index: number;
    readonly got: number;
    readonly expected: number;
    /** Difference over tolerance: above 1 is wrong. */
    readonly share: number;
  } | null;
  /** The largest difference from the CPU. */
  readonly fromCpu: { readonly what: string } & Difference | null;
}

/** Everything that a run of an op's cases compared, under dtype and place. */
type Seen = Map<string, ComparedTensor>;

/** What a training of the leaderboard's network stands and falls with: compared first, should time run out. */
const FIRST = ["conv2d", "batch_norm", "squeeze_excitation", "ranger", "matmul"];

function turn({ name }: OpRow): number {
  const place = FIRST.findIndex((start) => name.startsWith(start));
  return place < 0 ? FIRST.length : place;
}

/** Who else may compute a convolution, where the usual choice is wrong. */
const ENGINES = ["own", "gemm", "direct"] as const;
/** The environment variable that names one. */
const FORCED = "LIBTRAIN_CUDA_CONV";

function under(context: PartContext, kind: "cpu" | "cuda"): DeviceUnderTest {
  const dtypes = DTYPES.filter((dtype) => wanted(context, dtype));
  return { name: kind, variant: kind, dtypes, open: () => openDevice({ ...context, device: kind }) };
}

/** How the cases of a convolution come out by each engine: which of them is wrong. */
async function byEngine(row: OpRow, context: PartContext): Promise<string> {
  const found: string[] = [];
  for (const engine of ENGINES) {
    Deno.env.set(FORCED, engine);
    try {
      const { failures } = await seen(row, under(context, context.device));
      found.push(`${engine}: ${failures.length === 0 ? "right" : `${failures.length} wrong, ${failures[0]}`}`);
    } catch (error) {
      found.push(`${engine}: ${messageOf(error)}`);
    } finally {
      Deno.env.delete(FORCED);
    }
  }
  return found.join(" | ");
}

async function seen(row: OpRow, device: DeviceUnderTest): Promise<{ seen: Seen; failures: string[] }> {
  const seen: Seen = new Map();
  const failures = await runFixtures(row, await readOpCases(row.name), device, (dtype, tensor) => {
    seen.set(`${dtype} ${tensor.what}`, tensor);
  });
  return { seen, failures };
}

function recordOf(op: string, dtype: string, own: Seen, cpu: Seen): OpRecord {
  let [worst, fromCpu]: [OpRecord["worst"], OpRecord["fromCpu"]] = [null, null];
  const mine = [...own].filter(([key]) => key.startsWith(`${dtype} `));
  for (const [key, { what, got, worst: found }] of mine) {
    if (worst === null || found.share > worst.share) worst = { what, ...found };
    const other = cpu.get(key);
    if (other === undefined) continue;
    const difference = largestDifference(got, other.got);
    if (fromCpu === null || difference.absolute > fromCpu.absolute) fromCpu = { what, ...difference };
  }
  return { op, dtype, tensors: mine.length, worst: worst && { ...worst, share: rounded(worst.share) }, fromCpu };
}

/** The part. */
export async function parity(context: PartContext, checks: Checks): Promise<Record<string, unknown>> {
  // One that stays open, so that kernels stay loaded from op to op.
  using _held = openDevice(context);
  const ops: OpRecord[] = [];
  const rows = opRows.filter(({ name }) => context.ops?.includes(name) ?? true).sort((a, b) => turn(a) - turn(b));
  if (rows.length === 0) throw new UsageError(`Expected --ops as names of ops, got ${context.ops}`);
  for (const row of rows) {
    if (isLate(context, 6)) {
      checks.skip(`${row.name}() as PyTorch`, "no time is left");
      continue;
    }
    await checks.run(`${row.name}() as PyTorch`, async () => {
      const own = await seen(row, under(context, context.device));
      const cpu = await seen(row, under(context, "cpu"));
      for (const dtype of DTYPES) {
        const record = recordOf(row.name, dtype, own.seen, cpu.seen);
        if (record.tensors > 0) ops.push(record);
      }
      if (own.failures.length > 0) {
        const engines = row.name.startsWith("conv2d") && context.device === "cuda"
          ? `; by engine: ${await byEngine(row, context)}`
          : "";
        throw new Error(`${own.failures.length} wrong: ${own.failures.slice(0, 3).join(" | ")}${engines}`);
      }
      const share = Math.max(0, ...[...own.seen.values()].map(({ worst }) => worst.share));
      return `${own.seen.size} tensors, at most ${share.toFixed(3)} of the tolerance`;
    });
  }
  const rules = await checkRules(context, checks);
  const compared = ops.reduce((sum, { tensors }) => sum + tensors, 0);
  const least = context.ops === null && context.dtypes === null ? 1000 : 1;
  checks.that("something was compared", compared >= least, `${compared} tensors of ${ops.length} ops and dtypes`);
  return { ops, rules };
}

/** The gradients of each rule on small awkward shapes, in f32 beside the CPU's in f64. */
async function checkRules(context: PartContext, checks: Checks): Promise<unknown[]> {
  using device = openDevice(context);
  using cpu = new Device("cpu", { threads: 1 });
  const rules: unknown[] = [];
  for (const op of differentiableOps.filter((op) => context.ops?.includes(op) ?? true)) {
    if (isLate(context, 6)) {
      checks.skip(`${op}(): its gradient rule`, "no time is left");
      continue;
    }
    await checks.run(`${op}(): its gradient rule`, async () => {
      let worst: { case: string } & Difference | undefined;
      try {
        const own = await ruleGradients(op, { dtype: "f32", device });
        const expected = await ruleGradients(op, { dtype: "f64", device: cpu });
        for (const [name, values] of own) {
          const difference = largestDifference(values, expected.get(name)!);
          if (worst === undefined || difference.absolute > worst.absolute) worst = { case: name, ...difference };
          if (difference.absolute > RULE_LIMIT && difference.share > RULE_LIMIT) {
            throw new Error(`${name}: ${JSON.stringify(difference)}`);
          }
        }
        if (own.size === 0) throw new Error("Expected gradients, got none");
        rules.push({ op, gradients: own.size, worst });
        return `${own.size} gradients`;
      } catch (error) {
        if (device.queue.failed()) await device.recover();
        throw new Error(messageOf(error), { cause: error });
      }
    });
  }
  return rules;
}
