/** Optimizers written in TypeScript: what happens to each parameter, made of ops. */
import type { Parameter } from "../nn/module.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor, versionOf } from "../tensor/tensor.ts";
import type { Segment } from "./groups.ts";
import { requireKnown } from "./known_options.ts";
import type { Optimizer } from "./optimizer.ts";
import type { Rule, RuleStep } from "./rule.ts";
import { RuleSet } from "./rule_set.ts";

/** A parameter in a step, with what an update may read and write. */
export interface ParameterUpdate<State extends string = string> {
  /** The weights, which the update writes: `value.assign(…)`. */
  readonly value: Tensor;
  /** Their gradient, of the same shape. */
  readonly gradient: Tensor;
  /** The state tensors, of the same shape, which the update writes by `assign` too. */
  readonly states: Readonly<Record<State, Tensor>>;
  /** The learning rate times the group's scale: a scalar on the device, as a recorded step meets others than its first. */
  readonly lr: Tensor;
  /** How many steps this parameter has taken part in, with this one: 1 in the first; a scalar on the device. */
  readonly step: Tensor;
  /** Weight decay: 0 for biases and norm parameters, unless a group says otherwise. */
  readonly wd: number;
  /** The parameter's path in the model. */
  readonly path: string;
}

/** An option's value. */
export type OptionValue = number | boolean | string;

/** What an optimizer is made of. */
export interface OptimizerDefinition<State extends string, Options extends Readonly<Record<string, OptionValue>>> {
  /** What recipes, messages and the names of its state call it. */
  readonly name: string;
  /** State tensors that each parameter gets, zeros at first. */
  readonly states?: readonly State[];
  /** Those of them that are a copy of the weights at first. */
  readonly copies?: readonly NoInfer<State>[];
  /**
   * The options with their defaults; others are refused, and so are values of another type. With `wd` among them it has
   * weight decay, which the update applies.
   */
  readonly options?: Options;
  /** The smallest and the largest value of numeric options. */
  readonly limits?: { readonly [Name in keyof NoInfer<Options>]?: readonly [low: number, high: number] };
  /** Whether a parameter is for this optimizer; by default every one is. The others go to one beside it: `together`. */
  readonly takes?: (parameter: Parameter, path: string) => boolean;
  /**
   * Writes the next weights and states of one parameter, by ops alone: it is run at the first steps and then replayed. Runs
   * without recording for backward and inside a scope, for each parameter that has a gradient and is not frozen. Where it
   * throws, the parameters before that one keep what was written to them: check in `bind()` or by `takes` what may be wrong.
   */
  readonly update: (
    parameter: ParameterUpdate<State>,
    options: { readonly [Name in keyof Options]: Widened<Options[Name]> },
  ) => void;
}

/** A default's type: any number for a number. */
export type Widened<Value> = Value extends number ? number : Value extends boolean ? boolean : string;

/** A function from options to an optimizer. */
export type OptimizerFactory<Options> = (
  options?: { readonly [Name in keyof Options]?: Widened<Options[Name]> },
) => Optimizer;

/**
 * An optimizer of one's own, which a Trainer, a recipe and a loop take like those of this room: with groups, recorded
 * steps, a state that is saved, and the check that every gradient is finite before anything is written (a late error of
 * `assert_finite` otherwise).
 *
 * Gives a function from options to the optimizer.
 *
 * @example
 * ```ts
 * import { nn, optim } from "@libtrain/libtrain";
 *
 * // Sign descent with momentum (Signum, Bernstein 2018), with decoupled weight decay.
 * const signum = optim.defineOptimizer({
 *   name: "signum",
 *   states: ["momentum"],
 *   options: { mom: 0.9, wd: 0 },
 *   limits: { mom: [0, 1] },
 *   update: ({ value, gradient, states: { momentum }, lr, wd }, { mom }) => {
 *     momentum.assign(momentum.mul(mom).add(gradient.mul(1 - mom)));
 *     value.assign(value.sub(momentum.sign().add(value.mul(wd)).mul(lr)));
 *   },
 * });
 * using model = new nn.Linear(4, 2);
 * using opt = signum({ mom: 0.95 }).bind(model, { lr: 1e-3 });
 * ```
 */
export function defineOptimizer<
  const State extends string = never,
  Options extends Readonly<Record<string, OptionValue>> = Record<never, never>,
>(definition: OptimizerDefinition<State, Options>): OptimizerFactory<Options> {
  requireKnown("defineOptimizer", definition, ["name", "states", "copies", "options", "limits", "takes", "update"]);
  requireDefinition(definition as unknown as OptimizerDefinition<string, Record<string, OptionValue>>);
  const { name, options: defaults = {} as Options, limits = {} } = definition;
  return (given = {}) => {
    const options = { ...defaults, ...checked(name, defaults, limits, given) } as Options;
    return new RuleSet({ name, ...options }, [ruleOf(definition, options)]);
  };
}

function requireDefinition(
  { name, states = [], copies = [], limits = {}, options = {}, update, takes }: OptimizerDefinition<
    string,
    Record<string, OptionValue>
  >,
): void {
  const refuse = (what: string, got: unknown): never => {
    throw new TypeError(`defineOptimizer(): Expected ${what}, got ${got}`);
  };
  if (typeof name !== "string" || !/^[a-zA-Z]\w*$/.test(name)) {
    refuse("`name` as a name of letters and digits", kindOf(name));
  }
  if (typeof update !== "function") refuse("`update` as a function", typeof update);
  if (takes !== undefined && typeof takes !== "function") refuse("`takes` as a function", typeof takes);
  for (const [field, list] of Object.entries({ states, copies })) {
    if (!Array.isArray(list)) refuse(`\`${field}\` as an array of names`, kindOf(list));
  }
  for (const [field, value] of Object.entries({ limits, options })) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      refuse(`\`${field}\` as an object`, kindOf(value));
    }
  }
  for (const [option, value] of Object.entries(options)) {
    const plain = ["number", "boolean", "string"].includes(typeof value);
    if (!plain) refuse(`\`options.${option}\` as a number, true, false or a text`, kindOf(value));
  }
  for (const [option, limit] of Object.entries(limits)) {
    const two = Array.isArray(limit) && limit.length === 2 && limit.every((end) => typeof end === "number");
    if (!two) refuse(`\`limits.${option}\` as two numbers`, kindOf(limit));
  }
  states.forEach((state, index) => {
    if (typeof state !== "string" || !/^[a-zA-Z]\w*$/.test(state)) {
      refuse("`states` as names of letters and digits", kindOf(state));
    }
    if (states.indexOf(state) !== index) refuse("`states` with different names", `"${state}" twice`);
    if (state === "steps") refuse("`states` without steps, which is that of the counts", "it");
  });
  const stray = copies.find((copy) => !states.includes(copy));
  if (copies.length > 0 && (stray !== undefined || copies.includes(undefined as never))) {
    refuse(`\`copies\` among the states ${states.join(", ")}`, kindOf(stray));
  }
}

/** The options that are given, each known, of its default's type and within its limits. */
function checked(
  op: string,
  defaults: Readonly<Record<string, OptionValue>>,
  limits: Readonly<Record<string, readonly [number, number] | undefined>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, OptionValue> {
  requireKnown(op, given, Object.keys(defaults));
  const entries = Object.entries(given).filter(([name, value]) => value !== undefined && Object.hasOwn(defaults, name));
  for (const [name, value] of entries) {
    const [wanted, got]: string[] = [typeof defaults[name], typeof value];
    if (got !== wanted) throw new TypeError(`${op}(): Expected \`${name}\` as a ${wanted}, got ${kindOf(value)}`);
    if (typeof value !== "number") continue;
    const [low, high] = limits[name] ?? (name === "wd" ? [0, Infinity] : [-Infinity, Infinity]);
    if (Number.isFinite(value) && value >= low && value <= high) continue;
    throw new RangeError(`${op}(): Expected \`${name}\` ${rangeOf(low, high)}, got ${value}`);
  }
  return Object.fromEntries(entries) as Record<string, OptionValue>;
}

function rangeOf(low: number, high: number): string {
  if (low === -Infinity && high === Infinity) return "as a finite number";
  return high === Infinity ? `from ${low}` : `from ${low} to ${high}`;
}

function ruleOf<State extends string, Options extends Readonly<Record<string, OptionValue>>>(
  { name, states = [], copies = [], takes = () => true, update }: OptimizerDefinition<State, Options>,
  options: Options,
): Rule {
  const wd: OptionValue | undefined = (options as Record<string, OptionValue>).wd;
  return {
    name,
    states,
    copies,
    wd: typeof wd === "number" ? wd : undefined,
    lrScale: 1,
    checksGradients: false,
    takes,
    enqueue(step): void {
      const used = step.segments.map(({ frozen }, index) => !frozen && (step.gradients[index] ?? null) !== null);
      const counts = countStep(step, used);
      const rates = new Map<number, Tensor>();
      step.segments.forEach((segment, index) => {
        if (!used[index]) return;
        const { lrScale, path, parameter } = segment;
        const lr = rates.get(lrScale) ?? (lrScale === 1 ? step.lr : step.lr.mul(lrScale));
        rates.set(lrScale, lr);
        const before = versionOf(parameter);
        scope(() => {
          const context = contextOf<State>(step, segment, { index, counts, lr });
          // The scope refuses a promise.
          return update(context, options as never) as never;
        });
        if (versionOf(parameter) !== before) return;
        throw new TypeError(
          `${name}(): Expected an \`update\` that writes the weights of "${path}", it left them: call value.assign(…)`,
        );
      });
    },
  };
}

/** Counts a step of the segments that take part, and the call; gives the counts in the dtype of the weights. */
function countStep({ steps, segments }: RuleStep, used: readonly boolean[]): Tensor {
  const { dtype } = segments[0]!.parameter;
  const takesPart = [...used, true];
  for (let start = 0; start < takesPart.length; start++) {
    if (!takesPart[start]) continue;
    const end = takesPart.indexOf(false, start);
    const length = (end < 0 ? takesPart.length : end) - start;
    const run = steps.narrow(start, length);
    run.assign(run.to(dtype).add(1).to("i32"));
    start += length;
  }
  return steps.to(dtype);
}

function contextOf<State extends string>(
  { states, gradients }: RuleStep,
  { parameter, start, wd, path }: Segment,
  { index, counts, lr }: { index: number; counts: Tensor; lr: Tensor },
): ParameterUpdate<State> {
  const views = [...states].map(([name, flat]) =>
    [name, flat.narrow(start, parameter.size).reshape(parameter.shape)] as const
  );
  return {
    value: parameter.detach(),
    gradient: gradients[index]!,
    states: Object.fromEntries(views) as Record<State, Tensor>,
    lr,
    get step(): Tensor {
      return counts.narrow(index, 1).reshape([]);
    },
    wd,
    path,
  };
}
