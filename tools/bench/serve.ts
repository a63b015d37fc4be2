/** `deno task bench serve`: answers of a server to one client and to many at once, beside PyTorch behind FastAPI. */
import { join } from "@std/path";
import type { Command } from "../../lib/cli/command.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { UsageError } from "../../lib/cli/flags.ts";
import { median } from "../../benchmarks/support.ts";
import { alternate, rounded } from "./figures.ts";
import { type Asked, asked, type Load, load, type Question } from "./load.ts";
import { channelsOf, type Network, peerNetwork } from "./networks.ts";
import { handOver, numbersOf, outFlag, requireOut, threadsOf, wordsOf } from "./options.ts";
import { originOf } from "./origin.ts";
import type { Round, SetUp } from "./rival.ts";
import { digits, folder, photographs, requireArchive, type Served, servedFlags, servedModel } from "./served.ts";
import { requirePeer, starts } from "./starts.ts";
import { type Column, shownNumber, shownRatio, tableLines } from "./table.ts";

const networks: Record<Served, { readonly network: Network; readonly size: number }> = {
  imagenette: { network: { preset: "imagenette-128-5" }, size: 128 },
  mnist: { network: { preset: "mnist" }, size: 28 },
};
const ways = ["each", "batched", "compiled"] as const;

/** By how much rounding may change a probability. */
const tolerances = { f32: 1e-3, bf16: 5e-2 } as const;

/** What a server did for so many clients, the medians of its rounds. */
export interface ServeRow extends Load {
  readonly what: Served;
  readonly dtype: string;
  readonly who: "own" | "peer";
  /** PyTorch's way. */
  readonly way?: string;
  readonly clients: number;
  /** Answers a second of each round. */
  readonly rounds: readonly number[];
}

/** Images a second of `evaluate()` alone, which a server cannot outdo. */
export interface BareRow {
  readonly what: Served;
  readonly dtype: string;
  readonly img_per_s: number;
  readonly rounds: readonly number[];
}

/** What is compared: one server's rows, the others', and evaluation alone. */
export interface ServeRatio {
  readonly what: Served;
  readonly dtype: string;
  readonly clients: number;
  /** Ours over the fastest of the others, and over evaluation alone, answers a second. */
  readonly overPeer: number | null;
  readonly overBare: number | null;
  /** Theirs over ours, milliseconds: the best of the others at each. */
  readonly p50: number | null;
  readonly p99: number | null;
}

/** Ours beside the best of the others at each figure, and beside evaluation alone. */
export function serveRatios(rows: readonly ServeRow[], bare: readonly BareRow[]): ServeRatio[] {
  return rows.filter(({ who }) => who === "own").map(({ what, dtype, clients, per_s, p50_ms, p99_ms }) => {
    const others = rows.filter((row) =>
      row.who === "peer" && row.what === what && row.dtype === dtype && row.clients === clients
    );
    const alone = bare.find((row) => row.what === what && row.dtype === dtype);
    const ratio = (one: number, other: number | undefined): number | null =>
      other === undefined || !Number.isFinite(other) ? null : rounded(one / other, 3);
    const least = (of: (row: ServeRow) => number): number => Math.min(...others.map(of));
    return {
      what,
      dtype,
      clients,
      overPeer: others.length === 0 ? null : ratio(per_s, Math.max(...others.map(({ per_s }) => per_s))),
      overBare: ratio(per_s, alone?.img_per_s),
      p50: others.length === 0 ? null : rounded(least((row) => row.p50_ms) / p50_ms, 3),
      p99: others.length === 0 ? null : rounded(least((row) => row.p99_ms) / p99_ms, 3),
    };
  });
}

function nameOf({ who, way }: Pick<ServeRow, "who" | "way">): string {
  return who === "own" ? "libtrain" : `FastAPI ${way}`;
}

/** The tables on screen. */
export function serveLines(rows: readonly ServeRow[], bare: readonly BareRow[]): string[] {
  const columns: Column<ServeRow>[] = [
    { head: "model", right: false, text: ({ what, dtype }) => `${what} ${dtype}` },
    { head: "clients", text: ({ clients }) => `${clients}` },
    { head: "server", right: false, text: nameOf },
    { head: "answers/s", text: ({ per_s }) => shownNumber(per_s) },
    { head: "p50 ms", text: ({ p50_ms }) => shownNumber(p50_ms) },
    { head: "p99 ms", text: ({ p99_ms }) => shownNumber(p99_ms) },
  ];
  return [
    ...tableLines(columns, rows),
    ...bare.map(({ what, dtype, img_per_s }) => `${what} ${dtype}: evaluation alone ${shownNumber(img_per_s)} img/s`),
    ...serveRatios(rows, bare).map(({ what, dtype, clients, overPeer, overBare, p50, p99 }) =>
      `${what} ${dtype}, ${clients} client${clients === 1 ? "" : "s"}: ${shownRatio(overPeer)} FastAPI's answers, ` +
      `${shownRatio(p50)} and ${shownRatio(p99)} as fast at p50 and p99, ${shownRatio(overBare)} evaluation alone`
    ),
  ];
}

/** One that is asked, or measured without being asked. */
interface Contender {
  readonly who: "own" | "peer";
  readonly way?: string;
  readonly asked: Asked;
}

/** What a server answers to each question when it is asked alone. */
async function alone(url: string, questions: readonly Question[], tolerance: number): Promise<Asked> {
  const wanted: number[] = [];
  for (const question of questions) wanted.push(await asked(url, question));
  return { url, questions, wanted, tolerance };
}

/** What all servers do with one model. */
async function measured(
  what: Served,
  dtype: "f32" | "bf16",
  { archive, ways, clients, seconds, rounds, threads, signal, note }: {
    archive: string;
    ways: readonly string[];
    clients: readonly number[];
    seconds: number;
    rounds: number;
    threads: number;
    signal: AbortSignal;
    note(line: string): void;
  },
): Promise<{ rows: ServeRow[]; bare: BareRow; facts: Readonly<Record<string, unknown>> | null }> {
  const { network, size } = networks[what];
  const photos = join(folder, "photos");
  const questions = what === "mnist" ? await digits() : await photographs(archive, photos);
  await using stack = new AsyncDisposableStack();
  const { server, run, weights } = await servedModel(what, { dtype, photos, threads });
  stack.defer(() => server.end("SIGTERM"));
  const own = await alone(`${server.url}/predict`, questions, tolerances[dtype]);
  const all: Contender[] = [{ who: "own", asked: own }];
  let facts: Readonly<Record<string, unknown>> | null = null;
  const config = JSON.parse(await Deno.readTextFile(join(run, "config.json")));
  for (const way of ways) {
    const rival = stack.use(await starts.peer("torch_serve.py", { threads, signal }));
    facts = rival.facts;
    const setup = {
      network: peerNetwork(network),
      weights,
      names: what === "mnist" ? "libtrain" : "torch",
      way,
      dtype,
      layout: "nchw",
      size,
      channels: channelsOf(network),
      threads,
      statistics: config.transforms?.normalize ?? null,
    };
    const { port } = await rival.ask<SetUp & { port: number }>("setup", setup);
    const found = await alone(`http://127.0.0.1:${port}/predict`, questions, tolerances[dtype]);
    all.push({ who: "peer", way, asked: found });
    // The same weights; a photograph's pixels come of other decoders.
    const same = found.wanted.filter((probability, at) => Math.abs(probability - own.wanted[at]!) < 0.02).length;
    note(`${what} ${dtype}: FastAPI ${way} answers ${same} of ${questions.length} images as libtrain does`);
  }
  const bare = stack.use(await starts.own({ signal }));
  await bare.ask<SetUp>("setup", { network, dtype, bs: 64, size, threads, what: "evaluate" });
  const bareTimes: number[] = [];
  const rows: ServeRow[] = [];
  for (const count of clients) {
    const found = await alternate(all, rounds, async (one, at) => {
      if (one.who === "own") {
        const { ms: [ms] } = await bare.ask<Round>("run", { steps: Math.max(2, Math.ceil(seconds / 2)) });
        bareTimes.push(ms!);
      }
      const saw = await load(one.asked, { clients: count, seconds, signal });
      note(`round ${at + 1}: ${what} ${dtype}, ${count} clients, ${nameOf(one)}: ${saw.per_s} answers/s`);
      return saw;
    });
    for (const [{ who, way }, loads] of found) {
      const middle = (of: (load: Load) => number): number => rounded(median(loads.map(of)));
      rows.push({
        ...{ what, dtype, who, ...(way === undefined ? {} : { way }), clients: count },
        per_s: middle(({ per_s }) => per_s),
        p50_ms: middle(({ p50_ms }) => p50_ms),
        p99_ms: middle(({ p99_ms }) => p99_ms),
        answers: loads.reduce((sum, { answers }) => sum + answers, 0),
        rounds: loads.map(({ per_s }) => per_s),
      });
    }
  }
  const perSecond = bareTimes.map((ms) => rounded(64_000 / ms));
  return { rows, bare: { what, dtype, img_per_s: median(perSecond), rounds: perSecond }, facts };
}

const flags = {
  peer: { kind: "switch", help: "Measure PyTorch behind FastAPI too, in turn" },
  ...servedFlags,
  ways: { kind: "string", placeholder: "words", help: `FastAPI's: ${ways.join(", ")} (default each,batched)` },
  clients: { kind: "string", placeholder: "numbers", default: "1,8,64", help: "Clients at once, joined by commas" },
  seconds: { kind: "integer", min: 1, default: 10, help: "Seconds of a round" },
  out: outFlag("Write the rows to this file"),
} as const;

/** The command line of `deno task bench serve`. */
export const serveCommand: Command<typeof flags> = {
  name: "deno task bench serve",
  about:
    "Measures `deno task serve`: answers a second and their times, of one client and of many that ask at once, with the\n" +
    "entry's network and MNIST's, beside evaluation alone.",
  examples: ["deno task bench serve --peer --out benchmarks/results/serve.json"],
  flags,
  async run({ flags, report, signal }): Promise<number> {
    const { seconds, rounds, out, data: archive } = flags;
    if (flags.peer !== true && flags.ways !== undefined) {
      throw new UsageError("Expected --ways with --peer, got it alone: add --peer");
    }
    const models = wordsOf("models", flags.models, ["imagenette", "mnist"]);
    const dtypes = wordsOf("dtypes", flags.dtypes, ["f32", "bf16"]);
    const clients = numbersOf("clients", flags.clients);
    const wanted = flags.peer === true ? wordsOf("ways", flags.ways ?? "each,batched", ways) : [];
    const threads = threadsOf(flags.threads);
    requireOut(out);
    if (flags.peer === true) requirePeer();
    if (models.includes("imagenette")) await requireArchive(archive);
    const rows: ServeRow[] = [];
    const bare: BareRow[] = [];
    let peer: Readonly<Record<string, unknown>> | null = null;
    for (const what of models) {
      for (const dtype of dtypes) {
        const note = (line: string): void => report.note(line);
        const options = { archive, ways: wanted, clients, seconds, rounds, threads, signal, note };
        const found = await measured(what, dtype, options);
        rows.push(...found.rows);
        bare.push(found.bare);
        peer = found.facts;
      }
    }
    for (const line of serveLines(rows, bare)) report.line(line);
    const facts = { what: "answers of a server to clients that ask at once", ...await originOf() };
    const result = { ...facts, threads, seconds, peer, rows, bare, ratios: serveRatios(rows, bare) };
    await handOver(result, { report, out });
    return exitCodes.done;
  },
};
