/** Typed forms of the library's functions that are no ops. */
import { type Handle, handleWords, type OpResult, out, type RawTensor, readResult, tensorAt, u64At } from "./call.ts";
import { DTYPE_CODES, type DtypeName } from "./codes.ts";
import { symbols } from "./library.ts";
import { roleCode, type TensorRole } from "./memory.ts";
import { check, textAt } from "./out.ts";

/** A tensor from host bytes, which are copied. */
export function createTensor(
  queue: Handle,
  dtype: DtypeName,
  shape: readonly number[],
  data: Uint8Array<ArrayBuffer>,
): RawTensor {
  const sizes = Uint32Array.from(shape);
  check(
    symbols().lt_tensor_create(
      queue.slot,
      queue.generation,
      DTYPE_CODES[dtype],
      sizes,
      sizes.byteLength,
      data,
      data.byteLength,
      out,
      out.byteLength,
    ),
    out,
  );
  return tensorAt(0);
}

/** A second handle to a tensor, and how often its storage was written in place so far. */
export function aliasTensor(queue: Handle, tensor: Handle): { raw: RawTensor; version: number } {
  check(
    symbols().lt_tensor_alias(queue.slot, queue.generation, tensor.slot, tensor.generation, out, out.byteLength),
    out,
  );
  const raw = tensorAt(0);
  return { raw, version: out[4 + raw.shape.length]! };
}

/** Lets go of a tensor; a stale handle is no error. */
export function releaseTensor(queue: Handle, tensor: Handle): void {
  check(
    symbols().lt_tensor_release(queue.slot, queue.generation, tensor.slot, tensor.generation, out, out.byteLength),
    out,
  );
}

/** How often a tensor's storage was written in place, and by which op last. */
export function tensorVersion(queue: Handle, tensor: Handle): { version: number; writer: string } {
  check(
    symbols().lt_tensor_version(queue.slot, queue.generation, tensor.slot, tensor.generation, out, out.byteLength),
    out,
  );
  return { version: out[0]!, writer: textAt(out, 1) };
}

/** Says what the bytes of a tensor's buffer count as from here on. */
export function setRole(queue: Handle, tensor: Handle, role: TensorRole): void {
  const { slot, generation } = tensor;
  const code = roleCode(role);
  check(symbols().lt_tensor_role(queue.slot, queue.generation, slot, generation, code, out, out.byteLength), out);
}

/** Asks for a tensor's values: a handle for {@linkcode takeRead} once the ticket has passed. */
export function beginRead(queue: Handle, tensor: Handle): { read: Handle; ticket: number } {
  check(
    symbols().lt_read_begin(queue.slot, queue.generation, tensor.slot, tensor.generation, out, out.byteLength),
    out,
  );
  return { read: { slot: out[0]!, generation: out[1]! }, ticket: u64At(2) };
}

/** Copies the values of a finished read. */
export function takeRead(read: Handle, target: Uint8Array<ArrayBuffer>): void {
  check(symbols().lt_read_take(read.slot, read.generation, target, target.byteLength, out, out.byteLength), out);
}

/** Gives a read up. */
export function releaseRead(read: Handle): void {
  check(symbols().lt_read_release(read.slot, read.generation, out, out.byteLength), out);
}

/** Starts recording on a queue. */
export function beginCapture(queue: Handle): void {
  check(symbols().lt_capture_begin(queue.slot, queue.generation, out, out.byteLength), out);
}

/** Bytes of the values inside a recorded step. */
export interface StepMemory {
  /** While it was recorded. */
  readonly before: number;
  /** At replays. */
  readonly after: number;
}

/** Ends a recording: the graph, which needs none of the handles any longer, and what its values take. */
export function endCapture(
  queue: Handle,
  inputs: readonly Handle[],
  outputs: readonly Handle[],
): { graph: Handle; memory: StepMemory } {
  const [from, to] = [handleWords(inputs), handleWords(outputs)];
  check(
    symbols().lt_capture_end(
      queue.slot,
      queue.generation,
      from,
      from.byteLength,
      to,
      to.byteLength,
      out,
      out.byteLength,
    ),
    out,
  );
  return { graph: { slot: out[0]!, generation: out[1]! }, memory: { before: u64At(3), after: u64At(5) } };
}

/** Ends a recording without a graph. */
export function abortCapture(queue: Handle): void {
  check(symbols().lt_capture_abort(queue.slot, queue.generation, out, out.byteLength), out);
}

/** A learning rate on the device, and what to write there before each step. */
export interface ScalarRates {
  readonly scalar: Handle;
  readonly rates: readonly number[];
}

/** Enqueues steps of a graph, each with its own arguments; the results are those of the first step, then of the next, … */
export function replayGraph(
  queue: Handle,
  graph: Handle,
  steps: readonly (readonly Handle[])[],
  written?: ScalarRates,
): OpResult {
  const words = handleWords(steps.flat());
  const scalar = handleWords(written === undefined ? [] : [written.scalar]);
  const rates = Float64Array.from(written?.rates ?? []);
  check(
    symbols().lt_graph_replay(
      queue.slot,
      queue.generation,
      graph.slot,
      graph.generation,
      steps.length,
      words,
      words.byteLength,
      scalar,
      scalar.byteLength,
      rates,
      rates.byteLength,
      out,
      out.byteLength,
    ),
    out,
  );
  return readResult();
}

/** Lets go of a graph. */
export function releaseGraph(queue: Handle, graph: Handle): void {
  check(
    symbols().lt_graph_release(queue.slot, queue.generation, graph.slot, graph.generation, out, out.byteLength),
    out,
  );
}

/** What the library says of this machine, as JSON text. */
export function deviceInfoText(): string {
  check(symbols().lt_device_info(out, out.byteLength), out);
  return textAt(out, 0);
}

/** For tests: how many ops this process has run on the CPU. */
export function cpuRuns(): number {
  check(symbols().lt_cpu_runs(out, out.byteLength), out);
  return u64At(0);
}

/** For tests: the n-th guarded call from now panics; 0 turns it off. */
export function injectPanic(calls: number): void {
  check(symbols().lt_inject_panic(calls, out, out.byteLength), out);
}

/**
 * For tests: the n-th allocation of memory from now is refused, of any device of this process: blocks, arenas, buffers of
 * kernels, reads and host values; 0 turns it off. Gives how many were asked for so far.
 */
export function injectRefusal(allocations: number): number {
  check(symbols().lt_inject_refusal(allocations, out, out.byteLength), out);
  return u64At(0);
}

/** For tests: the next block that the queue asks from the system is refused. */
export function injectOutOfMemory(queue: Handle): void {
  check(symbols().lt_inject_out_of_memory(queue.slot, queue.generation, out, out.byteLength), out);
}
