/** The parameters of what an optimizer is bound to. */
import { type AnyModule, Module, type Parameter } from "../nn/module.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import type { Trainable } from "./optimizer.ts";

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
