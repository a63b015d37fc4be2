/** The Dockerfile, as far as tests look at it. */

/** One instruction. */
export interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** What is built from one image. */
export interface Stage {
  readonly name: string | undefined;
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** What the last stage says of how the image is run. */
export interface Final {
  readonly user: string;
  readonly folder: string;
  readonly volumes: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** A copy of a stage: from where, and whether from another stage. */
export interface Copy {
  readonly stage: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

/** The copies of a stage. */
export function copiesOf({ instructions }: Stage): Copy[] {
  return instructions.filter(({ word }) => word === "COPY").map(({ rest }) => {
    const words = rest.split(/\s+/);
    const stage = /^--from=(.*)$/.exec(words[0]!)?.[1];
    const paths = stage === undefined ? words : words.slice(1);
    return { stage, sources: paths.slice(0, -1), target: paths.at(-1)! };
  });
}

/** Reads the Dockerfile; what it takes to be there fails where it is not. */
export function dockerfile(): { stages: readonly Stage[]; final: Final; arguments: Readonly<Record<string, string>> } {
  const lines = Deno.readTextFileSync("Dockerfile").replaceAll(/\\\n\s*/g, " ").split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const all = lines.map((line): Instruction => {
    const [, word = "", rest = ""] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    return { word, rest };
  });
  const begins = all.flatMap(({ word }, at) => word === "FROM" ? [at] : []);
  const stages = begins.map((begin, count): Stage => {
    const [, from = "", name] = /^(\S+)(?: AS (\S+))?$/.exec(all[begin]!.rest) ?? [];
    return { name, from, instructions: all.slice(begin + 1, begins[count + 1]) };
  });
  const last = stages.at(-1)!.instructions;
  const one = (wanted: string): string => {
    const found = last.filter(({ word }) => word === wanted);
    if (found.length !== 1) throw new Error(`Expected one ${wanted} in the last stage, got ${found.length}`);
    return found[0]!.rest;
  };
  const pairs = (text: string): [string, string][] =>
    [...text.matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]);
  const final: Final = {
    user: one("USER"),
    folder: one("WORKDIR"),
    volumes: JSON.parse(one("VOLUME")),
    // Only lists: a text would be run by a shell, which passes no signal on.
    entrypoint: JSON.parse(one("ENTRYPOINT")),
    command: JSON.parse(one("CMD")),
    healthcheck: JSON.parse(/CMD (\[.*\])$/.exec(one("HEALTHCHECK"))![1]!),
    environment: Object.fromEntries(pairs(one("ENV"))),
  };
  const begin = all.slice(0, begins[0]).filter(({ word }) => word === "ARG").flatMap(({ rest }) => pairs(rest));
  return { stages, final, arguments: Object.fromEntries(begin) };
}
