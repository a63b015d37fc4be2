/** How fast a training is, and how long it will take. */

/** Milliseconds that a speed is taken over, at most and at least: steps are enqueued faster than they are done. */
const window = { most: 20_000, least: 1000 };

/** The speed over the last seconds. */
export class Pace {
  readonly #marks: { readonly at: number; readonly images: number; readonly step: number }[] = [];
  #images = 0;
  #speed: { readonly images: number; readonly steps: number } | null = null;

  /** A step was done, with so many images. */
  add(step: number, images: number): void {
    this.#images += images;
    const at = performance.now();
    this.#marks.push({ at, images: this.#images, step });
    while (this.#marks.length > 2 && at - this.#marks[0]!.at > window.most) this.#marks.shift();
  }

  /** Images and steps a second; null before a second of steps was done. */
  get speed(): { readonly images: number; readonly steps: number } | null {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    const seconds = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1000;
    if (1000 * seconds >= window.least) {
      this.#speed = { images: (last!.images - first!.images) / seconds, steps: (last!.step - first!.step) / seconds };
    }
    return this.#speed;
  }

  /** Something else than steps took time: its marks do not go on from those before. */
  restart(): void {
    this.#marks.length = 0;
  }
}
