/** The tables of docs/jobs.md say what the code does. */
import { assertEquals } from "@std/assert";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { kindOf } from "../../lib/serve/job/kinds.ts";
import { serve } from "../../mod.ts";
import { tableOf } from "../support/doc_tables.ts";

const text = Deno.readTextFileSync(new URL("../../docs/jobs.md", import.meta.url));

/** Its rows of cells below a heading. */
const table = (heading: string): string[][] => tableOf(text, heading);

Deno.test("docs/jobs.md: the table of a specification is the table of fields", () => {
  const presets = "one of the names of [settings.md](settings.md)";
  const wanted = serve.jobFields.map((field) => [
    `\`${field.path}\``,
    field.kind === "preset" ? presets : kindOf(field).wanted(field),
    field.help,
    field.required === true ? "needed" : field.usual ?? "one of `preset` and `recipe`",
  ]);
  assertEquals(table("Field"), wanted);
});

Deno.test("docs/jobs.md: the table of exit codes has each, and says what to do", () => {
  assertEquals(table("Code").map(([code]) => Number(code)), Object.values(exitCodes));
});

Deno.test("docs/jobs.md: the table of events has each in its order", () => {
  assertEquals(table("Type").map(([type]) => type), serve.jobEventTypes.map((type) => `\`${type}\``));
});
