/** Surgery: other modules in the place of those that are there. */
import { kindOf, requireFunction } from "../tensor/ops/checks.ts";
import { requireForward } from "./checks.ts";
import { elementsOf, putElement } from "./fields.ts";
import { type AnyModule, Module } from "./module.ts";

/**
 * Puts other modules in the place of all of a class, anywhere inside; what is no longer part of the root is disposed.
 *
 * What is inside a replaced module or its replacement is left alone, so that a replacement may wrap what it replaces. A
 * module in several places is replaced by the same one in all of them.
 *
 * @example
 * ```ts
 * import { models, nn } from "@libtrain/libtrain";
 *
 * using model = models.xresnet18({ classes: 10, pool: "max" });
 * nn.replaceModules(model, nn.MaxPool2d, (old) => new nn.MaxBlurPool2d({ stride: old.stride, filter: "tri3" }));
 * ```
 *
 * @returns How many were replaced.
 */
export function replaceModules<Old extends AnyModule>(
  root: AnyModule,
  kind: abstract new (...args: never) => Old,
  replacement: (old: Old, path: string) => AnyModule,
): number {
  requireForward("replaceModules", "root", root);
  if (typeof kind !== "function" || !(kind.prototype instanceof Module || (kind as unknown) === Module)) {
    throw new TypeError(`replaceModules(): Expected \`kind\` as a class of modules, got ${kindOf(kind)}`);
  }
  requireFunction("replaceModules", "replacement", replacement);
  const replaced = new Map<AnyModule, AnyModule>();
  const visited = new Set<unknown>([root]);
  const visit = (holder: object, elements: readonly [string, unknown][], prefix: string): void => {
    for (const [index, [key, value]] of elements.entries()) {
      const path = prefix + key;
      const inside = elementsOf(value);
      if (inside !== undefined) {
        if (visited.has(value)) continue;
        visited.add(value);
        visit(value as object, inside, `${path}.`);
      } else if (value instanceof kind && value !== root) {
        const fresh = replaced.get(value) ?? replacementOf(replacement(value, path)).train(value.training);
        replaced.set(value, fresh);
        putElement(holder, { key, index }, fresh);
      } else if (value instanceof Module && !visited.has(value)) {
        visited.add(value);
        visit(value, Object.entries(value), `${path}.`);
      }
    }
  };
  try {
    visit(root, Object.entries(root), "");
  } finally {
    disposeRemoved(root, replaced.keys());
  }
  return replaced.size;
}

/** What a replacement gave, which must be a module. */
function replacementOf(value: unknown): AnyModule {
  if (value instanceof Module) return value;
  throw new TypeError(`replaceModules(): Expected \`replacement\` to give a module, got ${kindOf(value)}`);
}

/** Disposes of modules, but for what is still inside the root. */
function disposeRemoved(root: AnyModule, removed: Iterable<AnyModule>): void {
  const modules = new Set([...root.modules()].map(([, module]) => module));
  const tensors = new Set(root.state().values());
  for (const old of removed) {
    if (modules.has(old)) continue;
    const state = [...old.state().values()];
    if (!state.some((tensor) => tensors.has(tensor))) old.dispose();
    else for (const tensor of state) if (!tensors.has(tensor)) tensor.dispose();
  }
}
