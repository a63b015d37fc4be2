/** What an optimizer keeps as it is: no gradients, and norms that evaluate. */
import { fieldsOf } from "../nn/fields.ts";
import { type AnyModule, Buffer, Module, Parameter } from "../nn/module.ts";

/** What one optimizer has frozen, so that it gives back that and nothing else. */
export class Freezing {
  /** Parameters whose gradient was turned off here, and is turned on again once they are no longer frozen. */
  readonly #parameters = new Set<Parameter>();
  /** Modules that are held in evaluation here. */
  readonly #modules = new Set<AnyModule>();

  /**
   * Has no gradients computed of the frozen parameters, and modules that count statistics evaluate where all parameters of
   * their own are frozen; what was frozen here before and is no longer gets both back.
   */
  keep(modules: readonly AnyModule[], frozen: ReadonlySet<Parameter>): void {
    for (const parameter of this.#parameters) {
      if (!frozen.has(parameter) && this.#parameters.delete(parameter)) parameter.requireGrad();
    }
    for (const parameter of frozen) {
      if (parameter.requiresGrad) this.#parameters.add(parameter.requireGrad(false));
    }
    const held = new Set(modules.filter((module) => countsOnly(module, frozen)));
    for (const module of this.#modules) {
      if (!held.has(module) && this.#modules.delete(module)) Module.hold(module, false);
    }
    for (const module of held) {
      if (this.#modules.has(module)) continue;
      this.#modules.add(module);
      Module.hold(module, true);
    }
  }
}

/** Whether a module has buffers beside parameters of its own, all of them frozen: training would move the buffers alone. */
function countsOnly(module: AnyModule, frozen: ReadonlySet<Parameter>): boolean {
  const own = fieldsOf(module).map(([, value]) => value);
  const parameters = own.filter((value) => value instanceof Parameter);
  return parameters.length > 0 && parameters.every((parameter) => frozen.has(parameter)) &&
    own.some((value) => value instanceof Buffer);
}
