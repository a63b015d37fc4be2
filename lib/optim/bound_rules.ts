/** The bound optimizer of this room: one rule or several, each with the parameters that it takes. */
import { DisposedError, LateError, StateError } from "../ffi/errors.ts";
import type { Parameter } from "../nn/module.ts";
import { guard, hostEffect, refuseInCapture } from "../tensor/capture.ts";
import { full } from "../tensor/create.ts";
import { keepDraws } from "../tensor/draws.ts";
import { noGrad } from "../tensor/graph.ts";
import { assertFinite } from "../tensor/ops/writing.ts";
import { allOrNothing, scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { untraced } from "../tensor/trace.ts";
import { Freezing } from "./freezing.ts";
import { type GroupSettings, matches, type ParameterGroup, requireMatch, type Segment, settingsOf } from "./groups.ts";
import { requireKnown } from "./known_options.ts";
import type { BindOptions, BoundOptimizer, Trainable } from "./optimizer.ts";
import { modulesOf, parametersOf, requireOneKind, requireTrainable, takersOf } from "./parameters.ts";
import type { Rule } from "./rule.ts";
import { noteBound, noteLeftOver, refuseStrays } from "./strays.ts";
import {
  callsOf,
  copyVersions,
  copyWeights,
  disposeTables,
  fillTables,
  makeTables,
  type Member,
  namedState,
  type Tables,
} from "./tables.ts";

/** Rules bound to a model, with one learning rate for all. */
export class BoundRules implements BoundOptimizer {
  readonly #model: Trainable;
  readonly #rules: readonly Rule[];
  readonly #groups: readonly ParameterGroup[];
  /** Those of the rules that have parameters; undefined once it is disposed. */
  #tables: readonly Tables[] | undefined;
  /** Goes up when the tables are made anew. */
  #version = 0;
  #lr: number;
  #lrTensor: Tensor | undefined;
  #steps = 0;
  /** Whether somebody else has written the state: until then, and until the first step, copies of the weights follow them. */
  #loaded = false;
  /** The versions of the copies as this optimizer has left them: others mean that somebody has loaded a state. */
  #copiedAt = "";
  readonly #freezing = new Freezing();

  constructor(model: Trainable, rules: readonly Rule[], options: BindOptions = {}) {
    requireTrainable(model);
    requireKnown("bind", options, ["groups", "lr"]);
    this.#model = model;
    this.#rules = rules;
    this.#groups = options.groups ?? [];
    this.#lr = checkRate(options.lr ?? 1e-3);
    const parameters = parametersOf(model);
    if (parameters.size === 0) throw new StateError("bind(): Expected a model with parameters, got one without");
    requireMatch("bind", this.#groups, parameters);
    // Now and not at the first step, which would take blocks that the second step's activations need.
    this.#rebuild(parameters);
    this.#lrTensor!.device.afterRecovery(this);
  }

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

  atRates<Result>(rates: readonly number[], enqueue: (scalar: Tensor) => Result): Result {
    this.#alive();
    for (const rate of rates) checkRate(rate);
    const result = enqueue(this.#lrTensor!);
    this.#lr = rates.at(-1) ?? this.#lr;
    return result;
  }

  get steps(): number {
    return this.#steps;
  }

  get begun(): boolean {
    this.#alive();
    return this.#inUse();
  }

  get groups(): ReadonlyMap<string, GroupSettings> {
    const segments = this.#current().flatMap(({ segments }) => segments);
    return new Map(segments.map(({ path, lrScale, wd, frozen }) => [path, { lrScale, wd, frozen }]));
  }

  step(): void {
    const tables = this.#current();
    const gradients = tables.map(({ segments }) => segments.map(({ parameter }) => parameter.takeGrad()));
    try {
      const own = new Set(tables.flatMap(({ segments }) => segments.map(({ parameter }) => parameter)));
      refuseStrays(own);
      noteLeftOver(own);
      this.#enqueue(tables, gradients);
    } finally {
      for (const gradient of gradients.flat()) gradient?.dispose();
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

  discard(): void {
    for (const { segments } of this.#current()) for (const { parameter } of segments) parameter.setGrad(null);
  }

  /** What a recorded step was made for: the model's modules and parameters, and which of those are trained. */
  #recordedWith(): unknown[] {
    this.#alive();
    const parameters = [...parametersOf(this.#model).values()];
    return [...modulesOf(this.#model), ...parameters, ...parameters.map((parameter) => parameter.requiresGrad)];
  }

  #enqueue(tables: readonly Tables[], gradients: readonly (readonly (Tensor | null)[])[]): void {
    if (gradients.flat().every((gradient) => gradient === null)) {
      throw new StateError("step(): Expected gradients, got none: call backward() on a loss of this model first");
    }
    const parts = tables.map((table, index) => ({ table, gradients: gradients[index]! }))
      .sort((a, b) => Number(b.table.rule.checksGradients) - Number(a.table.rule.checksGradients));
    noGrad(() =>
      scope(() => {
        // Before anything is written. The first rule checks its own, where it can.
        for (const { table, gradients } of parts.slice(parts[0]!.table.rule.checksGradients ? 1 : 0)) {
          table.segments.forEach(({ frozen }, index) => {
            const gradient = gradients[index] ?? null;
            if (gradient !== null && !frozen) assertFinite(gradient);
          });
        }
        for (const { table: { rule, segments, states, steps }, gradients } of parts) {
          const scaled = rule.lrScale === 1 ? segments : segments.map((segment) => ({
            ...segment,
            lrScale: rule.lrScale * segment.lrScale,
          }));
          rule.enqueue({ lr: this.#lrTensor!, steps, states, segments: scaled, gradients });
        }
      })
    );
  }

  configure(group: ParameterGroup): void {
    refuseInCapture("change parameter groups");
    const tables = this.#current();
    const found = tables.flatMap(({ rule, segments }) => segments.map((segment) => ({ rule, segment })));
    requireMatch("configure", [group], new Map(found.map(({ segment: { path, parameter } }) => [path, parameter])));
    const changed = found.filter(({ segment }) => matches(group, segment.path, segment.parameter))
      .map(({ rule, segment }) => ({ segment, settings: settingsOf(group, segment, "configure", rule) }))
      // What is as it was needs no new recording.
      .filter(({ segment, settings: { lrScale, wd, frozen } }) =>
        segment.lrScale !== lrScale || segment.wd !== wd || segment.frozen !== frozen
      );
    if (changed.length === 0) return;
    for (const { segment, settings } of changed) Object.assign(segment, settings);
    this.#freeze(tables);
    this.#version++;
  }

  state(): Map<string, Tensor> {
    const tables = this.#current();
    return new Map(tables.flatMap((table) => namedState(table, this.#rules.length > 1 ? `${table.rule.name}.` : "")));
  }

  prepare(): void {
    this.#current();
  }

  resumeAt(steps: number, { begun = true }: { readonly begun?: boolean } = {}): void {
    this.#steps = steps;
    this.#loaded = begun;
    if (!begun) this.#copiedAt = copyVersions(this.#alive());
  }

  /** A late error may have skipped the last change of the rate, and steps. */
  async recovered(): Promise<void> {
    if (this.#tables === undefined) return;
    const [first] = this.#tables;
    this.#lrTensor!.fill(this.#lr);
    const enqueued = this.#steps;
    // All rules count every call.
    const calls = scope(() => noGrad(() => callsOf(first!))).detachFromScope().claimed();
    try {
      // Steps that are enqueued while this waits come on top.
      this.#steps += await calls.item() - enqueued;
      // Not even the first step was done: what it would have written is as it was.
      if (this.#steps === 0 && !this.#loaded) this.#copiedAt = copyVersions(this.#alive());
    } catch (error) {
      // The device has failed anew, and its next recovery comes here again; or the count itself was never computed.
      if (!(error instanceof LateError || error instanceof StateError)) throw error;
    } finally {
      calls.dispose();
    }
  }

  #alive(): readonly Tables[] {
    if (this.#tables === undefined) throw new DisposedError("Cannot use an optimizer after it was disposed");
    return this.#tables;
  }

  /** Whether the tables are of these parameters. */
  #covers(parameters: ReadonlyMap<string, Parameter>): boolean {
    const segments = this.#alive().flatMap(({ segments }) => segments);
    return segments.length === parameters.size &&
      segments.every(({ path, parameter }) => parameters.get(path) === parameter);
  }

  /** The tables, made anew where the model's parameters are others than before. */
  #current(): readonly Tables[] {
    this.#alive();
    const parameters = parametersOf(this.#model);
    if (!this.#covers(parameters)) this.#rebuild(parameters);
    const tables = this.#alive();
    if (!this.#inUse()) {
      untraced(() => scope(() => noGrad(() => tables.forEach(copyWeights))));
      // After a recovery that leaves no step done, this may be a step that is recorded: replays would copy each time.
      guard(() => false);
      this.#copiedAt = copyVersions(tables);
    }
    return tables;
  }

  /** Whether there was a step, or somebody else has written the states that begin as copies. */
  #inUse(): boolean {
    if (this.#steps > 0) return true;
    this.#loaded ||= copyVersions(this.#alive()) !== this.#copiedAt;
    return this.#loaded;
  }

  /** Has the gradients computed of what is trained, and of nothing that this optimizer keeps as it is. */
  #freeze(tables: readonly Tables[]): void {
    const frozen = tables.flatMap(({ segments }) =>
      segments.flatMap(({ parameter, frozen }) => frozen ? [parameter] : [])
    );
    this.#freezing.keep(modulesOf(this.#model), new Set(frozen));
  }

  /** New tables and state tensors, with the state of what stays. */
  #rebuild(parameters: Map<string, Parameter>): void {
    refuseInCapture("change the parameters of a bound model");
    const before = this.#tables;
    if (before !== undefined) this.#inUse();
    requireOneKind(parameters);
    const takers = takersOf(parameters, this.#rules);
    const tableOf = (rule: Rule): Tables | undefined => before?.find((table) => table.rule === rule);
    const members = this.#rules.flatMap((rule) => {
      const taken = [...parameters].filter(([, parameter]) => takers.get(parameter) === rule);
      const old = tableOf(rule)?.segments ?? [];
      return taken.length === 0 ? [] : [{
        rule,
        members: taken.map(([path, parameter]): Member => ({
          path,
          parameter,
          ...this.#settings(rule, old, path, parameter),
        })),
      }];
    });
    const { dtype, device } = parameters.values().next().value!;
    const staying = new Set(parameters.values());
    const { lr, tables } = allOrNothing(() => {
      const lr = this.#lrTensor ??
        scope(() => full([], this.#lr, { dtype, device })).detachFromScope().heldAs("optimizer");
      const tables = members.map(({ rule, members }) => makeTables(rule, members));
      scope(() =>
        noGrad(() => {
          for (const table of tables) {
            fillTables(table, tableOf(table.rule), staying);
            if (before !== undefined) callsOf(table).assign(callsOf(before[0]!));
          }
        })
      );
      return { lr, tables };
    });
    this.#lrTensor = lr;
    before?.forEach(disposeTables);
    this.#tables = tables;
    this.#copiedAt = copyVersions(tables);
    noteBound(parameters.values());
    this.#freeze(tables);
    this.#version++;
  }

  /** What holds for a parameter: as before under its path, or as its group says. */
  #settings(rule: Rule, before: readonly Segment[], path: string, parameter: Parameter): GroupSettings {
    const old = before.find((segment) => segment.path === path);
    if (old !== undefined) return { lrScale: old.lrScale, wd: old.wd, frozen: old.frozen };
    const group = this.#groups.find((group) => matches(group, path, parameter));
    const plain = { lrScale: 1, wd: parameter.decays ? rule.wd ?? 0 : 0, frozen: false };
    return group === undefined ? plain : settingsOf(group, plain, "bind", rule);
  }

  dispose(): void {
    this.#freeze([]);
    this.#lrTensor?.dispose();
    this.#tables?.forEach(disposeTables);
    this.#tables = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** A one-line description. */
  toString(): string {
    const names = this.#rules.map(({ name }) => name).join(" + ");
    return `BoundOptimizer(${names}, lr ${this.#lr}, ${this.#steps} steps)`;
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
