/** What a server counts, in the text format of Prometheus. */

type Labels = Readonly<Record<string, string>>;

/** Seconds up to which answers are counted together. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Family {
  readonly kind: "counter" | "histogram";
  readonly help: string;
  readonly values: Map<string, number[]>;
}

function labelText(labels: Labels): string {
  const escaped = (text: string): string =>
    text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`).join(",");
}

function withLabels(name: string, labels: string): string {
  return labels === "" ? name : `${name}{${labels}}`;
}

/** A value that is what it is when it is asked for. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly values: readonly (readonly [Labels, number])[];
}

/** Counters and histograms by their names. */
export class Metrics {
  readonly #families = new Map<string, Family>();

  #family(name: string, kind: Family["kind"], help: string): Family {
    let family = this.#families.get(name);
    if (family === undefined) this.#families.set(name, family = { kind, help, values: new Map() });
    return family;
  }

  /** Counts something. */
  count(name: string, help: string, labels: Labels, by = 1): void {
    const { values } = this.#family(name, "counter", help);
    const key = labelText(labels);
    values.set(key, [(values.get(key)?.[0] ?? 0) + by]);
  }

  /** Counts something that took some seconds. */
  observe(name: string, help: string, labels: Labels, seconds: number): void {
    const { values } = this.#family(name, "histogram", help);
    const key = labelText(labels);
    const found = values.get(key) ?? new Array<number>(buckets.length + 2).fill(0);
    values.set(key, found);
    for (const [at, bound] of buckets.entries()) if (seconds <= bound) found[at]!++;
    found[buckets.length]!++;
    found[buckets.length + 1]! += seconds;
  }

  /** All of it, and some that were asked for now. */
  text(gauges: readonly Gauge[]): string {
    const lines: string[] = [];
    const head = (name: string, kind: string, help: string): void =>
      void lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
    for (const { name, help, values } of gauges) {
      head(name, "gauge", help);
      for (const [labels, value] of values) lines.push(`${withLabels(name, labelText(labels))} ${value}`);
    }
    for (const [name, { kind, help, values }] of this.#families) {
      head(name, kind, help);
      for (const [labels, found] of values) {
        if (kind === "counter") {
          lines.push(`${withLabels(name, labels)} ${found[0]}`);
          continue;
        }
        const more = labels === "" ? "" : `${labels},`;
        for (const [at, bound] of buckets.entries()) {
          lines.push(`${name}_bucket{${more}le="${bound}"} ${found[at]}`);
        }
        const [count, sum] = found.slice(-2);
        lines.push(`${name}_bucket{${more}le="+Inf"} ${count}`);
        lines.push(`${withLabels(`${name}_sum`, labels)} ${sum}`, `${withLabels(`${name}_count`, labels)} ${count}`);
      }
    }
    return `${lines.join("\n")}\n`;
  }
}
