/** A flag that is on or off: `--name`, `--name=false`, and `--no-name` where it is on by default. */
export interface BooleanFlag {
  readonly kind: "boolean";
  readonly help: string;
  readonly default?: boolean;
}

/** A flag that turns something on, `--name`, or off, `--no-name`; without it the value is undefined. */
export interface SwitchFlag {
  readonly kind: "switch";
  readonly help: string;
  readonly default?: undefined;
}

/**
 * A flag that takes a number, `integer` one without a fraction; `min` and `max` are allowed themselves, `above` and `below`
 * are not.
 */
export interface NumberFlag {
  readonly kind: "number" | "integer";
  readonly help: string;
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly below?: number;
}

/** Whether a text is a path; a function where it may be something else. */
export type IsPath = true | ((text: string) => boolean);

/** A flag that takes any text: a path, a name. */
export interface StringFlag {
  readonly kind: "string";
  readonly help: string;
  readonly default?: string;
  /** What stands for the value in the help text, `text` unless given. */
  readonly placeholder?: string;
  /** Whether it is a path: what is typed is then relative to where the person stands. Some are that or a name. */
  readonly path?: IsPath;
}

/** A flag that may be given several times, each time with any text. */
export interface StringsFlag extends Omit<StringFlag, "kind" | "default"> {
  readonly kind: "strings";
  readonly default?: undefined;
}

/** A flag that takes one of a few words. */
export interface ChoiceFlag {
  readonly kind: "choice";
  readonly help: string;
  readonly choices: readonly string[];
  readonly default?: string;
  /** What stands for the value in the help text, all the choices unless given. */
  readonly placeholder?: string;
}

/** How one flag is declared. */
export type Flag = BooleanFlag | SwitchFlag | NumberFlag | StringFlag | StringsFlag | ChoiceFlag;

/** A command's flags by name, as typed after `--`. */
export type Flags = Readonly<Record<string, Flag>>;

type BaseValue<F extends Flag> = F extends BooleanFlag | SwitchFlag ? boolean
  : F extends NumberFlag ? number
  : F extends ChoiceFlag ? F["choices"][number]
  : F extends StringsFlag ? readonly string[]
  : string;

/** The value a flag has after parsing: without a default, `undefined` when it was not given; a boolean is then false, and several texts are none. */
export type FlagValue<F extends Flag> = F extends BooleanFlag ? boolean
  : F extends StringsFlag ? readonly string[]
  : F extends { readonly default: string | number } ? BaseValue<F>
  : BaseValue<F> | undefined;

/** The values of all flags of a command. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: FlagValue<F[K]> };

/** What a command takes on its command line, and the text that `--help` shows about it. */
export interface CommandLine<F extends Flags> {
  /** As the user types it, say `deno task train`. */
  readonly name: string;
  /** One sentence about what it does. */
  readonly about: string;
  readonly flags: F;
  /** Words without `--` that it accepts, `max` 0 (none) unless given; what is `required` the command itself asks for. */
  readonly words?: {
    readonly name: string;
    readonly help: string;
    readonly max: number;
    readonly required?: boolean;
    /** Whether they are paths, relative to where the person stands. */
    readonly path?: IsPath;
  };
  /** Whole command lines to show as examples. */
  readonly examples?: readonly string[];
}

/** A command line that cannot be used: the message says why, and the command exits with status 2. */
export class UsageError extends Error {
  /** Tells this error from others, in logs too. */
  override readonly name = "UsageError";
}
