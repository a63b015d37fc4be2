/** `docs/settings.md`: the table of settings and what the presets hold, for readers. */
import { recipe } from "../../mod.ts";

/** The presets whose values the page has: one of each family. */
const shown = ["mnist", "imagenette-128-5"];

/** The table of settings and the presets' values as Markdown, laid out as `deno fmt` does. */
export function settingsPage(): string {
  const settings = recipe.settings();
  const presets = shown.map((name) => recipe.preset(name));
  const values = settings.filter(({ transient }) => transient !== true).map(({ path }) => [
    code(path),
    ...presets.map((preset) => valueAt(preset, path)),
  ]);
  return `# Settings

A recipe is plain JSON, and each of its leaves is a row of one table, \`lib/recipe/settings.ts\`. \`deno task generate\`
writes this page from it; \`deno task train --help\` and \`recipe.schema()\` follow from it too. The flags are those of
\`deno task train\`; a script writes \`recipe.preset("mnist", { schedule: { lr: 0.01 } })\` for the setting \`schedule.lr\`.

A run that goes on keeps its settings, as others would give other bits: it refuses a change unless \`--force\` (in a
script \`force\`) is given. Where the last column says "free", it takes another value without.

${table(["Setting", "Flag", "Value", "What it is", "On resume"], settings.map(row))}

## Names

A recipe calls these by their names; a script adds names of its own: [own_network.md](own_network.md).

${settings.filter(({ kind }) => kind === "name").map(names).join("\n")}

## What the presets hold

What is not given on the command line is the preset's. An empty place is left to the thing that the section names: an
optimizer's or a network's own default. The presets of Imagenette and Imagewoof have what \`imagenette-128-5\` has but for
what their names say: data set, size, epochs, percent of wrong labels. Sizes above 224 take the images at full size
(\`imagenette2\`, \`imagewoof2\`), and 80 and 200 epochs have mixup 0.4.

${table(["Setting", ...presets.map(({ preset }) => code(String(preset)))], values)}
`;
}

function row(setting: recipe.Setting): string[] {
  const { path, flag, kind, nullable, free, transient, help } = setting;
  const flags = flag === undefined
    ? ""
    : kind === "boolean"
    ? `${code(`--${flag}`)}, ${code(`--no-${flag}`)}`
    : code(`--${flag}`);
  const wanted = (kind === "name" ? "a name" : recipe.wantedOf(setting)) + (nullable === true ? ", or null" : "");
  return [code(path), flags, wanted, help, free === true ? "free" : transient === true ? "not kept" : "the same"];
}

/** A list's item, its lines as long as `deno fmt` lets them be. */
function names({ path, choices, families = choices }: recipe.Setting): string {
  const words = `- ${code(path)}: ${families!().map(code).join(", ")}`.split(" ");
  const lines: string[] = [];
  for (const word of words) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= 120) lines[lines.length - 1] = longer;
    else lines.push(lines.length === 0 ? word : `  ${word}`);
  }
  return lines.join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}

/** A value as a recipe has it; nothing where the recipe has none. */
function valueAt(preset: recipe.Recipe, path: string): string {
  const value = path.split(".").reduce<unknown>(
    (inner, name) => (inner as Record<string, unknown> | undefined)?.[name],
    preset,
  );
  return value === undefined ? "" : code(typeof value === "string" ? value : JSON.stringify(value));
}

/** A Markdown table whose columns are as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((cells) => cells[at]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
