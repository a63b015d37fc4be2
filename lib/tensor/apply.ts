/** The one way from TypeScript to an op: call, wrap the outputs, record for backward. */
import { callOp, type Handle } from "../ffi/call.ts";
import { type DifferentiableOp, type OpName, type OpParams, OPS } from "../ffi/generated/symbols.ts";
import { StateError } from "../ffi/errors.ts";
import { shown } from "../ffi/shown.ts";
import { defaultDevice, Device } from "./device.ts";
import { madeBy } from "./forgotten.ts";
import { gradEnabled, GraphNode, SavedTensor } from "./graph.ts";
import { noteOp } from "./recording.ts";
import { type RuleCall, ruleOf } from "./rules.ts";
import { setNode, Tensor, viewOf } from "./tensor.ts";
import { traceOp, traceOutputs } from "./trace.ts";

/** Where an op without inputs runs. */
export interface ApplyOptions {
  device?: Device;
}

/** Enqueues an op and returns its outputs; they are recorded for backward where an input requires a gradient. */
export function apply<Name extends OpName>(
  name: Name,
  inputs: readonly (Tensor | null)[],
  params: OpParams[Name],
  options: ApplyOptions = {},
): Tensor[] {
  const handles = inputs.map((input, index) => input === null ? null : handleOf(name, input, index));
  const device = inputs.find((input) => input !== null)?.device ?? placeOf(name, options.device);
  noteOp(name, device, inputs);
  traceOp(name, inputs, params);
  const { ticket, outputs } = callOp(device.handle, name, handles, params);
  if (device.debug) device.remember(ticket);
  if (ticket % STALL_CHECK === 0 && ticket > 0) device.queue.warnIfStalled();
  madeBy(name);
  const tensors = OPS[name].view ? [viewOf(inputs[0]!, outputs[0]!)] : outputs.map((raw) => new Tensor(device, raw));
  traceOutputs(tensors);
  if (gradEnabled() && tensors.length > 0 && inputs.some((input) => input?.requiresGrad)) {
    record(name, inputs, tensors, params);
  }
  return tensors;
}

/** A tensor's handle; anything else would pass as an absent input. */
function handleOf(op: OpName, input: Tensor, index: number): Handle {
  if (!(input instanceof Tensor)) {
    throw new TypeError(`${op}(): Expected \`${inputName(op, index)}\` as a Tensor, got ${shown(input)}`);
  }
  return input.handle;
}

/** Where an op without inputs runs: on the device that is asked for, or the default one. */
function placeOf(op: OpName, device: Device | undefined): Device {
  if (device === undefined || device === null) return defaultDevice();
  if (device instanceof Device) return device;
  throw new TypeError(`${op}(): Expected \`device\` as a Device, got ${shown(device)}: write new Device("cpu")`);
}

/** An input's name in the op table. */
function inputName(op: OpName, index: number): string {
  const names: readonly string[] = OPS[op].inputs;
  return (names[index] ?? names.at(-1) ?? "input").replace(/\?$|\.\.\.$/, "");
}

/** Commands between two looks at whether the queue ran full. */
const STALL_CHECK = 4096;

/** {@linkcode apply} for an op with one output. */
export function applyOne<Name extends OpName>(
  name: Name,
  inputs: readonly (Tensor | null)[],
  params: OpParams[Name],
  options: ApplyOptions = {},
): Tensor {
  return apply(name, inputs, params, options)[0]!;
}

function record<Name extends OpName>(
  name: Name,
  inputs: readonly (Tensor | null)[],
  outputs: readonly Tensor[],
  params: OpParams[Name],
): void {
  const node = OPS[name].differentiable
    ? nodeOfRule(name as DifferentiableOp, inputs, outputs, params as OpParams[DifferentiableOp])
    : nodeWithoutRule(name, inputs, outputs);
  outputs.forEach((tensor, output) => setNode(tensor, { node, output }));
}

function nodeOfRule<Name extends DifferentiableOp>(
  name: Name,
  inputs: readonly (Tensor | null)[],
  outputs: readonly Tensor[],
  params: OpParams[Name],
): GraphNode {
  const rule = ruleOf(name);
  const needs = inputs.map((input) => input?.requiresGrad ?? false);
  const inputIndexes = rule.saveInputs?.(needs, params) ?? [];
  const outputIndexes = rule.saveOutputs?.(needs, params) ?? [];
  const savedInputs = new Map<number, SavedTensor>();
  for (const index of inputIndexes) {
    const input = inputs[index];
    if (input) savedInputs.set(index, new SavedTensor(input, name, inputName(name, index)));
  }
  const savedOutputs = new Map(
    outputIndexes.map((index) => [index, new SavedTensor(outputs[index]!, name, OPS[name].outputs[index] ?? "output")]),
  );
  return new GraphNode({
    op: name,
    inputs,
    outputs,
    saved: [...savedInputs.values(), ...savedOutputs.values()],
    backward: backwardOf(name, savedInputs, savedOutputs, {
      params,
      needs,
      inputShapes: inputs.map((input) => input?.shape ?? []),
      present: inputs.map((input) => input !== null),
    }),
  });
}

/** A function of its own, as a closure would keep the op's results alive, and they their graph. */
function backwardOf<Name extends DifferentiableOp>(
  name: Name,
  savedInputs: Map<number, SavedTensor>,
  savedOutputs: Map<number, SavedTensor>,
  known: Pick<RuleCall<Name>, "params" | "needs" | "inputShapes"> & { present: readonly boolean[] },
): (dy: readonly (Tensor | null)[]) => readonly (Tensor | null)[] {
  const { params, needs, inputShapes, present } = known;
  const call: RuleCall<Name> = {
    params,
    needs,
    inputShapes,
    inputCount: present.length,
    has: (index) => present[index] ?? false,
    input: (index) => savedOf(savedInputs, index, name).get(),
    output: (index) => savedOf(savedOutputs, index, name).get(),
  };
  return (dy) => ruleOf(name).backward(dy, call);
}

function savedOf(saved: Map<number, SavedTensor>, index: number, op: string): SavedTensor {
  const tensor = saved.get(index);
  if (tensor === undefined) {
    throw new StateError(`${op}(): Expected the gradient rule to have saved tensor ${index}, it did not`);
  }
  return tensor;
}

/** An op without a gradient: its results can be used, but not differentiated. */
function nodeWithoutRule(name: OpName, inputs: readonly (Tensor | null)[], outputs: readonly Tensor[]): GraphNode {
  return new GraphNode({
    op: name,
    inputs,
    outputs,
    saved: [],
    backward: () => {
      throw new StateError(
        `backward(): Cannot go through ${name}(), which has no gradient: detach() its input, or keep it out of the loss`,
      );
    },
  });
}
