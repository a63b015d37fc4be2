/** Timers of any length. */

/** The longest that a timer takes, ms: a longer one would be over at once. */
const longest = 2 ** 31 - 1;

/** Calls a function once some milliseconds have passed, however many; what it returns keeps the function from being called. */
export function later(milliseconds: number, work: () => void): () => void {
  const end = performance.now() + milliseconds;
  let timer: ReturnType<typeof setTimeout>;
  const wait = (): void => {
    const left = Math.max(0, end - performance.now());
    timer = left > longest ? setTimeout(wait, longest) : setTimeout(work, left);
  };
  wait();
  return () => clearTimeout(timer);
}
