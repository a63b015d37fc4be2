/** Every name on our side of docs/coming_from.md is one that there is. */
import { assert, assertEquals } from "@std/assert";
import * as libtrain from "../../mod.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { trainCommand } from "../../tasks/train.ts";

const text = Deno.readTextFileSync(new URL("../../docs/coming_from.md", import.meta.url));

/** What a first word of a call stands for where it is no export. */
function receivers(): Readonly<Record<string, object>> {
  const { data, nn, Tensor, Trainer, optim, recipe } = libtrain;
  using model = new nn.Linear(1, 1);
  using opt = optim.adamw().bind(model);
  using loss = model.weight.sum();
  using train = data.fromArrays({ images: new Uint8Array(4), labels: [0], imageShape: [2, 2, 1], classes: 1 });
  return {
    x: Tensor.prototype,
    loss,
    train,
    model,
    opt,
    trainer: Trainer.prototype,
    trained: recipe.Trained.prototype,
  };
}

/** Whether a dotted name, as `nn.Conv2d` or `x.reshape`, leads to something. */
function isThere(name: string, known: Readonly<Record<string, object>>): boolean {
  const [first = "", ...rest] = name.split(".");
  let at: unknown = Object.hasOwn(known, first) ? known[first] : (libtrain as Record<string, unknown>)[first];
  for (const part of rest) {
    at = at !== null && at !== undefined && part in Object(at)
      ? (at as Record<string, unknown>)[part] ?? true
      : undefined;
  }
  return at !== undefined;
}

Deno.test("coming_from.md: every call in the column of ours is exported, and every flag is the command's", () => {
  const known = receivers();
  const cells = [...text.matchAll(/^\| (?!-)(.*) \| (.*) \| (.*) \|$/gm)].map(([, , ours = ""]) => ours);
  assert(cells.length > 40, `${cells.length} rows`);
  const calls = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code));
  const names = calls.flatMap((code) =>
    [...code.replaceAll(/"[^"]*"/g, "").matchAll(/(?<![\w.])([A-Za-z]\w*(?:\.\w+)*)(?=\(|$)/g)].map(([, name = ""]) =>
      name
    )
  );
  assert(names.length > 60, `${names.length} names`);
  const keywords = ["await", "using", "new", "false", "true", "null", "undefined"];
  assertEquals(names.filter((name) => !keywords.includes(name) && !isThere(name, known)), []);
  const flags = [...text.matchAll(/--([a-z][\w-]*)/g)].map(([, flag = ""]) => flag);
  const ours = { ...trainCommand.flags, ...evaluateCommand.flags };
  assertEquals(flags.filter((flag) => !Object.hasOwn(ours, flag)), []);
});
