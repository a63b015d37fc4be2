/** The parameters of what an optimizer is bound to. */
import { StateError } from "../ffi/errors.ts";
import { type AnyModule, Module, type Parameter } from "../nn/module.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import type { Trainable } from "./optimizer.ts";
import type { Rule } from "./rule.ts";

/** Throws where something is neither a module nor a list of them. */
export function requireTrainable(model: unknown): asserts model is Trainable {
  const list: unknown[] = Array.isArray(model) ? model : [model];
  const wrong = list.findIndex((module) => !(module instanceof Module));
  if (wrong < 0 && list.length > 0) return;
  const got = list.length === 0 ? "an empty list" : kindOf(list[wrong]);
  throw new TypeError(`bind(): Expected a model, or a list of models, got ${got}`);
}

/** Every parameter by its path, behind the module's index where there is a list; a shared one appears once. */
export function parametersOf(trained: Trainable): Map<string, Parameter> {
  if (trained instanceof Module) return trained.namedParameters();
  const found = new Map<string, Parameter>();
  const seen = new Set<Parameter>();
  trained.forEach((module, index) => {
    for (const [path, parameter] of module.namedParameters()) {
      if (!seen.has(parameter)) found.set(`${index}.${path}`, parameter);
      seen.add(parameter);
    }
  });
  return found;
}

/** Every module, those inside others too. */
export function modulesOf(trained: Trainable): AnyModule[] {
  const roots = trained instanceof Module ? [trained] : trained;
  return roots.flatMap((root) => [...root.modules()].map(([, module]) => module));
}

/** Throws where parameters cannot be updated together. */
export function requireOneKind(parameters: ReadonlyMap<string, Parameter>): void {
  const { dtype, device } = parameters.values().next().value!;
  for (const [path, parameter] of parameters) {
    if (parameter.dtype === dtype && parameter.device === device) continue;
    throw new TypeError(`bind(): Expected parameters of one dtype and device, got ${parameter} as "${path}"`);
  }
  if (dtype !== "bf16") return;
  throw new TypeError(
    `bind(): Expected parameters of dtype f32 or f64, got bf16: master weights are f32, and a model of them computes in ` +
      `bf16 where its input is bf16`,
  );
}

/** For each parameter the first rule that takes it; throws where none does. */
export function takersOf(
  parameters: ReadonlyMap<string, Parameter>,
  rules: readonly Rule[],
): ReadonlyMap<Parameter, Rule> {
  const takers = new Map<Parameter, Rule>();
  for (const [path, parameter] of parameters) {
    const rule = rules.find(({ takes }) => takes(parameter, path));
    if (rule === undefined) {
      const names = rules.map(({ name }) => name);
      throw new StateError(
        `bind(): Expected an optimizer that takes "${path}" [${parameter.shape.join(", ")}], ${names.join(" and ")} ` +
          `${names.length === 1 ? "does" : "do"} not: put one beside, say optim.together(${names.join("(), ")}(), ` +
          "optim.adamw())",
      );
    }
    takers.set(parameter, rule);
  }
  return takers;
}
