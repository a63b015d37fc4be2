/** Optimizers bound to a model: one native call updates every parameter. */
import type { OpParams } from "../ffi/generated/symbols.ts";
import { DisposedError, LateError, StateError } from "../ffi/errors.ts";
import { Module, type Parameter } from "../nn/module.ts";
import { apply } from "../tensor/apply.ts";
import { guard, hostEffect, refuseInCapture } from "../tensor/capture.ts";
import { full, tensor, zeros } from "../tensor/create.ts";
import { keepDraws } from "../tensor/draws.ts";
import { noGrad } from "../tensor/graph.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { allOrNothing, scope } from "../tensor/scope.ts";
import { untraced } from "../tensor/trace.ts";
import { type Tensor, versionOf } from "../tensor/tensor.ts";
import { matches, type ParameterGroup, requireMatch, type Segment, settingsOf } from "./groups.ts";
import { requireKnown } from "./known_options.ts";
import { noteBound, refuseStrays } from "./strays.ts";

/** Options of `bind()`. */
export interface BindOptions {
  /** The first group that matches a parameter counts. */
  groups?: readonly ParameterGroup[];
  /** The learning rate until a script sets `lr`; by default 1e-3. */
  lr?: number;
}

/** What an optimizer needs to know of its op. */
export interface StepRule {
  /** The op that updates all parameters. */
  op: "ranger_step" | "adamw_step" | "sgd_step";
  /** The flat state tensors, in the order of the op's inputs. */
  states: readonly string[];
  /** States that start as a copy of the parameters; the others start at 0. */
  copies?: readonly string[];
  /** Weight decay of weights; biases and norm parameters have none. */
  wd: number;
  /** The op's parameters without `segments`. */
  params: Record<string, number | boolean>;
}

/** The tables of one set of parameters, and their state. */
interface Tables {
  segments: Segment[];
  states: Map<string, Tensor>;
  /** One count a segment, and last the count of calls. */
  steps: Tensor;
}

/**
 * An optimizer and the state it keeps for a model's parameters.
 *
 * `step()` consumes the gradients: the next `backward()` starts afresh. Parameters without a gradient are left alone.
 */
export class BoundOptimizer {
  readonly #model: Module;
  readonly #rule: StepRule;
  readonly #groups: readonly ParameterGroup[];
  /** Undefined once it is disposed. */
  #tables: Tables | undefined;
  /** Goes up when the tables are made anew. */
  #version = 0;
  #lr: number;
  #lrTensor: Tensor | undefined;
  #steps = 0;
  /** Whether somebody else has written the state: until then, and until the first step, copies of the weights follow them. */
  #loaded = false;
  /** The versions of the copies as this optimizer has left them: others mean that somebody has loaded a state. */
  #copiedAt = "";
  /** Parameters whose gradient was turned off here, and is turned on again once they are no longer frozen. */
  readonly #frozen = new Set<Parameter>();

  /** @internal Binds to a model's parameters; `Optimizer.bind` calls it. */
  constructor(model: Module, rule: StepRule, options: BindOptions = {}) {
    if (!(model instanceof Module)) throw new TypeError(`bind(): Expected a model, got ${kindOf(model)}`);
    requireKnown("bind", options, ["groups", "lr"]);
    this.#model = model;
    this.#rule = rule;
    this.#groups = options.groups ?? [];
    this.#lr = checkRate(options.lr ?? 1e-3);
    if (model.namedParameters().size === 0) {
      throw new StateError("bind(): Expected a model with parameters, got one without");
    }
    requireMatch("bind", this.#groups, model.namedParameters());
    // Now and not at the first step, which would take blocks that the second step's activations need.
    this.#rebuild(model.namedParameters());
    this.#lrTensor!.device.afterRecovery(this);
  }

  /** The learning rate. */
  get lr(): number {
    return this.#lr;
  }

  set lr(lr: number) {
    refuseInCapture("set a learning rate");
    checkRate(lr);
    this.#alive();
    if (lr === this.#lr) return;
    this.#lr = lr;
    this.#lrTensor?.fill(lr);
  }

  /** @internal Has steps enqueued that find a rate of their own in the scalar on the device, which `enqueue` gets. */
  atRates<Result>(rates: readonly number[], enqueue: (scalar: Tensor) => Result): Result {
    this.#alive();
    for (const rate of rates) checkRate(rate);
    const result = enqueue(this.#lrTensor!);
    this.#lr = rates.at(-1) ?? this.#lr;
    return result;
  }

  /** Steps enqueued so far; after `device.recover()` without those that were skipped. */
  get steps(): number {
    return this.#steps;
  }

  /** Whether it has done a step, or goes on from a state that was loaded: until then, other weights may come into the model. */
  get begun(): boolean {
    this.#alive();
    return this.#inUse();
  }

  /** Updates every parameter that has a gradient, and consumes the gradients, even where it throws. Only enqueues. */
  step(): void {
    const tables = this.#current();
    const gradients = tables.segments.map(({ parameter }) => parameter.takeGrad());
    try {
      refuseStrays(new Set(tables.segments.map(({ parameter }) => parameter)));
      this.#enqueue(tables, gradients);
    } finally {
      for (const gradient of gradients) gradient?.dispose();
    }
    keepDraws(this.#lrTensor!.device);
    this.#steps++;
    hostEffect(() => this.#steps++);
    const version = this.#version;
    const before = this.#recordedWith();
    guard(() => {
      const now = this.#recordedWith();
      return this.#version === version && now.length === before.length && now.every((part, i) => part === before[i]);
    });
  }

  /** What a recorded step was made for: the model's modules and parameters, and which of those are trained. */
  #recordedWith(): unknown[] {
    this.#alive();
    const parameters = [...this.#model.namedParameters().values()];
    const modules = [...this.#model.modules()].map(([, module]) => module);
    return [...modules, ...parameters, ...parameters.map((parameter) => parameter.requiresGrad)];
  }

  #enqueue({ segments, states, steps }: Tables, gradients: readonly (Tensor | null)[]): void {
    if (gradients.every((gradient) => gradient === null)) {
      throw new StateError("step(): Expected gradients, got none: call backward() on a loss of this model first");
    }
    const inputs: (Tensor | null)[] = [
      this.#lrTensor!,
      steps,
      ...this.#rule.states.map((name) => states.get(name) ?? null),
    ];
    segments.forEach(({ parameter }, index) => inputs.push(parameter, gradients[index] ?? null));
    const table = segments.flatMap(({ lrScale, wd, frozen }) => [lrScale, wd, frozen ? 1 : 0]);
    const params = { ...this.#rule.params, segments: table } as unknown as
      & OpParams["ranger_step"]
      & OpParams["sgd_step"];
    noGrad(() => apply(this.#rule.op, inputs, params));
  }

  /** Sets what a group of parameters does from now on: learning-rate scale, weight decay, freezing. */
  configure(group: ParameterGroup): void {
    refuseInCapture("change parameter groups");
    const { segments } = this.#current();
    requireMatch("configure", [group], new Map(segments.map(({ path, parameter }) => [path, parameter])));
    for (const segment of segments) {
      if (matches(group, segment.path, segment.parameter)) Object.assign(segment, settingsOf(group, segment));
    }
    this.#freeze(segments);
    this.#version++;
  }

  /**
   * The state by name: `<state>.<parameter>` (views into flat tensors), `steps.<parameter>` and `steps`.
   *
   * The caller disposes of the views.
   */
  state(): Map<string, Tensor> {
    const { segments, states, steps } = this.#current();
    const named = new Map<string, Tensor>();
    noGrad(() => {
      for (const [name, flat] of states) {
        for (const { path, parameter, start } of segments) {
          named.set(`${name}.${path}`, flat.narrow(start, parameter.size).reshape(parameter.shape));
        }
      }
      segments.forEach(({ path }, index) => named.set(`steps.${path}`, steps.narrow(index, 1)));
      named.set("steps", steps.narrow(segments.length, 1));
    });
    return named;
  }

  /**
   * Makes the state now rather than at the first step, which is then as short as the others. What begins as a copy of the
   * weights follows them until that step.
   */
  prepare(): void {
    this.#current();
  }

  /** Goes on from a count of steps, after the state was written: for resuming. */
  resumeAt(steps: number): void {
    this.#steps = steps;
    this.#loaded = true;
  }

  /** @internal A late error may have skipped the last change of the rate, and steps. */
  async recovered(): Promise<void> {
    if (this.#tables === undefined) return;
    const { segments, steps } = this.#tables;
    this.#lrTensor!.fill(this.#lr);
    const enqueued = this.#steps;
    const calls = scope(() => noGrad(() => steps.narrow(segments.length, 1))).detachFromScope();
    try {
      // Steps that are enqueued while this waits come on top.
      this.#steps += await calls.item() - enqueued;
      // Not even the first step was done: what it would have written is as it was.
      if (this.#steps === 0 && !this.#loaded) this.#copiedAt = this.#copyVersions();
    } catch (error) {
      // The device has failed anew, and its next recovery comes here again; or the count itself was never computed.
      if (!(error instanceof LateError || error instanceof StateError)) throw error;
    } finally {
      calls.dispose();
    }
  }

  #alive(): Tables {
    if (this.#tables === undefined) throw new DisposedError("Cannot use an optimizer after it was disposed");
    return this.#tables;
  }

  /** Whether the tables are of these parameters. */
  #covers(parameters: ReadonlyMap<string, Parameter>): boolean {
    const { segments } = this.#alive();
    return segments.length === parameters.size &&
      segments.every(({ path, parameter }) => parameters.get(path) === parameter);
  }

  /** The tables, made anew where the model's parameters are others than before. */
  #current(): Tables {
    this.#alive();
    const parameters = this.#model.namedParameters();
    if (!this.#covers(parameters)) this.#rebuild(parameters);
    const tables = this.#alive();
    if (!this.#inUse()) untraced(() => scope(() => noGrad(() => this.#copyWeights(tables))));
    return tables;
  }

  /** Starts the states that begin as copies of the parameters. */
  #copyWeights({ segments, states }: Tables): void {
    for (const name of this.#rule.copies ?? []) {
      for (const { parameter, start } of segments) {
        states.get(name)!.narrow(start, parameter.size).assign(parameter.detach().reshape([parameter.size]));
      }
    }
    this.#copiedAt = this.#copyVersions();
  }

  #copyVersions(): string {
    const { states } = this.#alive();
    return (this.#rule.copies ?? []).map((name) => versionOf(states.get(name)!)).join();
  }

  /** Whether there was a step, or somebody else has written the states that begin as copies. */
  #inUse(): boolean {
    if (this.#steps > 0) return true;
    this.#loaded ||= this.#copyVersions() !== this.#copiedAt;
    return this.#loaded;
  }

  /** Has the gradients computed of what is trained, and of nothing that this optimizer keeps as it is. */
  #freeze(segments: readonly Segment[]): void {
    const frozenNow = new Set(segments.flatMap(({ parameter, frozen }) => frozen ? [parameter] : []));
    for (const parameter of this.#frozen) {
      if (!frozenNow.has(parameter) && this.#frozen.delete(parameter)) parameter.requireGrad();
    }
    for (const parameter of frozenNow) {
      if (parameter.requiresGrad) this.#frozen.add(parameter.requireGrad(false));
    }
  }

  /**
   * New tables and state tensors. State is kept for parameters that stay, and for others that take over the name and
   * shape of one that is gone; except the copies of its values, which would pull the new ones back to the old.
   */
  #rebuild(parameters: Map<string, Parameter>): void {
    refuseInCapture("change the parameters of a bound model");
    const before = this.#tables;
    if (before !== undefined) this.#inUse();
    let start = 0;
    const segments = [...parameters].map(([path, parameter]): Segment => {
      const old = before?.segments.find((segment) => segment.path === path);
      const group = this.#groups.find((group) => matches(group, path, parameter));
      const plain = { lrScale: 1, wd: parameter.decays ? this.#rule.wd : 0, frozen: false };
      const settings = old ?? settingsOf(group ?? { match: /$/ }, plain);
      const { lrScale, wd, frozen } = settings;
      const segment = { path, parameter, start, lrScale, wd, frozen };
      start += parameter.size;
      return segment;
    });
    const [first] = segments;
    const { dtype, device } = first!.parameter;
    const stray = segments.find(({ parameter }) => parameter.dtype !== dtype || parameter.device !== device);
    if (stray) {
      throw new TypeError(
        `bind(): Expected parameters of one dtype and device, got ${stray.parameter} as "${stray.path}"`,
      );
    }
    if (dtype === "bf16") {
      throw new TypeError(
        `bind(): Expected parameters of dtype f32 or f64, got bf16: master weights are f32, and a model of them computes in ` +
          `bf16 where its input is bf16`,
      );
    }
    const { lr, tables } = allOrNothing(() => {
      const lr = this.#lrTensor ?? scope(() => full([], this.#lr, { dtype, device })).detachFromScope();
      const states = new Map(
        this.#rule.states.map((name) => [name, scope(() => zeros([start], { dtype, device })).detachFromScope()]),
      );
      const steps = scope(() => tensor(new Int32Array(segments.length + 1), { device })).detachFromScope();
      const tables = { segments, states, steps };
      scope(() => noGrad(() => this.#fillTables(tables, before)));
      return { lr, tables };
    });
    this.#lrTensor = lr;
    for (const old of before === undefined ? [] : [...before.states.values(), before.steps]) old.dispose();
    this.#tables = tables;
    this.#copiedAt = this.#copyVersions();
    noteBound(parameters.values());
    this.#freeze(segments);
    this.#version++;
  }

  #fillTables({ segments, states, steps }: Tables, before: Tables | undefined): void {
    const staying = new Set(segments.map(({ parameter }) => parameter));
    segments.forEach(({ path, parameter, start }, index) => {
      const heir = (old: Segment): boolean =>
        old.path === path && !staying.has(old.parameter) && String(old.parameter.shape) === String(parameter.shape);
      const old = before?.segments.find((segment) => segment.parameter === parameter) ?? before?.segments.find(heir);
      for (const [name, flat] of states) {
        const target = flat.narrow(start, parameter.size);
        const copy = this.#rule.copies?.includes(name) ?? false;
        if (copy && old?.parameter !== parameter) target.assign(parameter.detach().reshape([parameter.size]));
        else if (old) target.assign(before!.states.get(name)!.narrow(old.start, parameter.size));
      }
      if (old) steps.narrow(index, 1).assign(before!.steps.narrow(before!.segments.indexOf(old), 1));
    });
    if (before !== undefined) steps.narrow(segments.length, 1).assign(before.steps.narrow(before.segments.length, 1));
  }

  /** Disposes of the state; the model's parameters stay, and those that were frozen get gradients again. */
  dispose(): void {
    this.#freeze([]);
    this.#lrTensor?.dispose();
    for (const state of this.#tables?.states.values() ?? []) state.dispose();
    this.#tables?.steps.dispose();
    this.#tables = undefined;
  }

  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** A one-line description. */
  toString(): string {
    return `BoundOptimizer(${this.#rule.op.replace("_step", "")}, lr ${this.#lr}, ${this.#steps} steps)`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

function checkRate(lr: number): number {
  if (!Number.isFinite(lr) || lr < 0) throw new RangeError(`Expected a learning rate from 0, got ${lr}`);
  return lr;
}
