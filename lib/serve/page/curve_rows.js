/** A job's events as rows of curves: x counts epochs, and grows from row to row. */

/**
 * A place of the training; what was not measured there is left out.
 * @typedef {{
 *   x: number,
 *   loss?: number,
 *   top1?: number,
 *   speed?: number,
 *   epochSpeed?: number,
 *   validLoss?: number,
 *   validTop1?: number,
 * }} Row
 */

/** @param {any} event @returns {Row | undefined} */
function rowOf(event) {
  if (event.type === "progress" && event.stage === "train" && event.total > 0) {
    const { epoch, done, total, loss, top1, imagesPerSecond } = event;
    return { x: epoch - 1 + done / total, ...known({ loss, top1, speed: imagesPerSecond }) };
  }
  if (event.type === "epoch") {
    const { epoch, trainLoss, trainTop1, evaluation, imagesPerSecond } = event;
    return {
      x: epoch,
      ...known({
        ...{ loss: trainLoss, top1: trainTop1, epochSpeed: imagesPerSecond },
        ...{ validLoss: evaluation?.loss, validTop1: evaluation?.top1 },
      }),
    };
  }
  return undefined;
}

/** @param {Record<string, number | null | undefined>} values */
function known(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === "number"));
}

/** Curves that grow. */
export class CurveRows {
  /** @type {Row[]} */
  rows = [];

  /**
   * Takes an event; whether the curves are others now. What is trained once more, after a kill, takes the place of what was
   * lost.
   * @param {any} event
   */
  add(event) {
    const row = rowOf(event);
    if (row === undefined) return false;
    let last = this.rows.at(-1);
    while (last !== undefined && last.x > row.x) {
      this.rows.pop();
      last = this.rows.at(-1);
    }
    if (last?.x === row.x) Object.assign(last, row);
    else this.rows.push(row);
    return true;
  }

  /**
   * Columns: x and some others, null where nothing was measured.
   * @param {readonly (Exclude<keyof Row, "x">)[]} names
   * @returns {(number | null)[][]}
   */
  columns(names) {
    const rows = this.rows.filter((row) => names.some((name) => row[name] !== undefined));
    return [rows.map(({ x }) => x), ...names.map((name) => rows.map((row) => row[name] ?? null))];
  }
}
