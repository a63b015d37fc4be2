import { shown } from "../io/shown.ts";
import type { Report } from "./report.ts";

/** Several lines on a terminal's stderr that are drawn over themselves. */
export class LiveLines implements Disposable {
  readonly #report: Report;
  #drawn = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Draws lines in place of those before, each cut to the terminal's width. */
  show(lines: readonly string[]): void {
    const { columns, err } = this.#report.streams;
    const cut = lines.map((line) => [...shown(line)].slice(0, Math.max(1, columns - 1)).join(""));
    err(`${this.#erase()}${cut.map((line) => `${line}\n`).join("")}`);
    this.#drawn = lines.length;
  }

  /** Takes them away. */
  clear(): void {
    if (this.#drawn > 0) this.#report.streams.err(this.#erase());
    this.#drawn = 0;
  }

  #erase(): string {
    return this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A\r\x1b[J`;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
