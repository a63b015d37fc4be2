import type { CommandLine, Flag, Flags } from "./flags.ts";

function placeholder(flag: Flag): string {
  switch (flag.kind) {
    case "boolean":
    case "switch":
      return "";
    case "integer":
    case "number":
      return " <number>";
    case "choice":
      return ` <${flag.placeholder ?? flag.choices.join("|")}>`;
    case "string":
    case "strings":
      return ` <${flag.placeholder ?? "text"}>`;
  }
}

/** A boolean is off unless given; of one that is on, the flag that turns it off is shown. */
function defaultNote(flag: Flag): string {
  return flag.default === undefined || flag.kind === "boolean" ? "" : ` (default ${flag.default})`;
}

/** Pads the left column so that the right one starts at the same place in every row. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

function shownWords({ name, max, required = false }: NonNullable<CommandLine<Flags>["words"]>): string {
  const text = `${name}${max > 1 ? " …" : ""}`;
  return required ? `<${text}>` : `[${text}]`;
}

/** The text that `--help` prints for a command. */
export function helpText<F extends Flags>(command: CommandLine<F>): string {
  const words = command.words === undefined ? "" : ` ${shownWords(command.words)}`;
  const flagRows = Object.entries(command.flags).map(([name, flag]) => {
    const shown = flag.kind === "boolean" && flag.default === true ? `no-${name}` : `${name}${placeholder(flag)}`;
    return [
      `--${flag.kind === "switch" ? "[no-]" : ""}${shown}`,
      flag.help + defaultNote(flag),
    ] as const;
  });
  const parts = [
    command.about,
    `Usage: ${command.name}${words} [flags]`,
    command.words === undefined ? "" : columns([[command.words.name, command.words.help]]),
    `Flags:\n${columns([...flagRows, ["--help", "Show this text"]])}`,
    command.examples === undefined ? "" : `Examples:\n${command.examples.map((line) => `  ${line}`).join("\n")}`,
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}
