/** What each field of a sweep's result must be: whatever a file holds that somebody edited, it is no number in a table. */
import { JsonFileError } from "../../io/json_file.ts";
import { isObject, shown, valueAt } from "../../recipe/check.ts";
import { widthFor } from "./answers.ts";

/** What a field must be. */
interface Field {
  /** In words. */
  readonly wanted: string;
  /** Whether a value is; `record` is the whole file, whose fields before it are right. */
  readonly fits: (value: unknown, record: Readonly<Record<string, unknown>>) => boolean;
}

/** The largest seed. */
const mostSeed = 2 ** 32 - 1;

function isNumber(value: unknown, low = -Infinity, high = Infinity): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= low && value <= high;
}

function isWhole(value: unknown, low: number, high = Number.MAX_SAFE_INTEGER): value is number {
  return isNumber(value, low, high) && Number.isInteger(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isDone({ status }: Readonly<Record<string, unknown>>): boolean {
  return status === "done";
}

const text: Field = { wanted: "a text", fits: isText };
const object: Field = { wanted: "an object", fits: isObject };
const list: Field = { wanted: "an array", fits: Array.isArray };
const count: Field = { wanted: "a whole number of at least 1", fits: (value) => isWhole(value, 1) };
const amount: Field = { wanted: "a number of at least 0", fits: (value) => isNumber(value, 0) };
const number: Field = { wanted: "a number", fits: (value) => isNumber(value) };
const share: Field = { wanted: "a number from 0 to 1", fits: (value) => isNumber(value, 0, 1) };
const flag: Field = { wanted: "true or false", fits: (value) => typeof value === "boolean" };

function oneOf(...choices: readonly string[]): Field {
  return { wanted: `one of ${choices.join(", ")}`, fits: (value) => choices.includes(value as string) };
}

function orNull({ wanted, fits }: Field): Field {
  return { wanted: `${wanted}, or null`, fits: (value, record) => value === null || fits(value, record) };
}

/** What a run that was trained to its end has, and one that diverged has not. */
function ofDone(field: Field): Field {
  return {
    wanted: `${field.wanted} in a run that is done, and null in one that diverged`,
    fits: (value, record) => isDone(record) ? field.fits(value, record) : value === null,
  };
}

/** What is there unless the data are not answered with one class, which nothing else in a result says. */
function ofClasses(field: Field): Field {
  return ofDone({
    wanted: `${field.wanted} (null where no top-1 was measured)`,
    fits: (value, record) => wasClassified(record) ? field.fits(value, record) : value === null,
  });
}

/** Whether top-1 was measured: what remains of a run says so whatever became of the field itself. */
function wasClassified({ epochs, correct, answers, top1 }: Readonly<Record<string, unknown>>): boolean {
  const last: unknown = (epochs as readonly unknown[]).at(-1);
  return [top1, correct, answers, valueAt(last, "top1")].some((value) => (value ?? null) !== null);
}

/** Fields by their paths, each after those that it is checked by. */
const fields: Readonly<Record<string, Field>> = {
  ...{ sweep: text, arm: text },
  seed: { wanted: `a whole number from 0 to ${mostSeed}`, fits: (value) => isWhole(value, 0, mostSeed) },
  hash: {
    wanted: "16 hexadecimal digits",
    fits: (value) => typeof value === "string" && /^[0-9a-f]{16}$/.test(value),
  },
  status: oneOf("done", "diverged"),
  diverged: {
    wanted: "an object in a run that diverged, and null in one that is done",
    fits: (value, record) => isDone(record) ? value === null : isObject(value),
  },
  epochs: list,
  ...{ recipe: object, "recipe.data": object, "recipe.data.name": text },
  ...{ "recipe.model": object, "recipe.model.name": text, "recipe.optimizer": object, "recipe.optimizer.name": text },
  ...{ "recipe.schedule": object, "recipe.schedule.name": text, "recipe.schedule.lr": number },
  ...{ "recipe.loss": object, "recipe.loss.name": text, "recipe.transforms": object },
  ...{ "recipe.epochs": count, "recipe.bs": count },
  "recipe.seed": { wanted: "the result's seed", fits: (value, { seed }) => value === seed },
  ...{ data: object, "data.source": orNull(object), "data.samples": object },
  ...{ "data.samples.train": count, "data.samples.valid": count },
  "data.imageShape": {
    wanted: "three whole numbers",
    fits: (value) => Array.isArray(value) && value.length === 3 && value.every((size) => isWhole(size, 1)),
  },
  "data.classes": {
    wanted: "an array of names",
    fits: (value) => Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string"),
  },
  dtype: oneOf("f32", "bf16", "f64"),
  total: ofDone(count),
  top1: ofClasses(share),
  correct: ofClasses({
    wanted: "the right answers that `top1` is the share of",
    fits: (value, { top1, total }) => value === Math.round(top1 as number * (total as number)),
  }),
  loss: ofDone(number),
  ...{ trainSeconds: orNull(amount), imagesPerSecond: orNull(amount) },
  answers: ofClasses(orNull(object)),
  ...{ code: object, "code.commit": orNull(text), "code.dirty": orNull(flag) },
  ...{ machine: object, "machine.device": oneOf("cpu", "cuda"), "machine.cpu": orNull(text) },
  ...{ "machine.isa": orNull(text), "machine.threads": orNull(count) },
  ended: { wanted: "a time", fits: (value) => isText(value) && Number.isFinite(Date.parse(value)) },
};

const divergence: Readonly<Record<string, Field>> = {
  ...{ "diverged.epoch": count, "diverged.step": { wanted: "a whole number", fits: (value) => isWhole(value, 0) } },
  "diverged.where": text,
};

const answerFields: Readonly<Record<string, Field>> = {
  "answers.total": { wanted: "the result's `total`", fits: (value, { total }) => value === total },
  "answers.correct": { wanted: "the result's `correct`", fits: (value, { correct }) => value === correct },
  "answers.right": bytes("a bit an image", ({ total }) => Math.ceil(total as number / 8)),
  "answers.predicted": bytes("a class an image", (record) => {
    const classes = valueAt(record, "data.classes") as readonly string[];
    return record["total"] as number * widthFor(classes.length);
  }),
};

function bytes(what: string, length: (record: Readonly<Record<string, unknown>>) => number): Field {
  return {
    wanted: `${what} in base64`,
    // Four characters each three bytes, whatever these are.
    fits: (value, record) =>
      typeof value === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(value) &&
      value.length === 4 * Math.ceil(length(record) / 3),
  };
}

const epochFields: Readonly<Record<string, Field>> = {
  ...{ epoch: count, trainLoss: orNull(number), trainTop1: orNull(share), loss: orNull(number), top1: orNull(share) },
  ...{ lr: orNull(number), trainSeconds: orNull(amount) },
};

/** Throws a JsonFileError that names the first field of a result's file that cannot be. */
export function checkFields(path: string, record: Readonly<Record<string, unknown>>): void {
  const check = (all: Readonly<Record<string, Field>>): void => {
    for (const [name, field] of Object.entries(all)) {
      checkField(path, { name, field, value: valueAt(record, name), record });
    }
  };
  check(fields);
  if (!isDone(record)) check(divergence);
  if (record["answers"] !== null) check(answerFields);
  for (const [at, epoch] of (record["epochs"] as readonly unknown[]).entries()) {
    checkField(path, { name: `epochs[${at}]`, field: object, value: epoch, record });
    for (const [name, field] of Object.entries(epochFields)) {
      checkField(path, { name: `epochs[${at}].${name}`, field, value: valueAt(epoch, name), record });
    }
  }
}

function checkField(
  path: string,
  { name, field, value, record }: {
    name: string;
    field: Field;
    value: unknown;
    record: Readonly<Record<string, unknown>>;
  },
): void {
  if (field.fits(value, record)) return;
  throw new JsonFileError(
    `Expected \`${name}\` in "${path}" as ${field.wanted}, got ${
      value === undefined ? "none" : shown(value)
    }: it was edited or damaged: restore it`,
  );
}
