/** Ends in the midst of native calls: the library closed, its Worker ended, the process left. */
import { join } from "@std/path";
import { type Check, type Control, Skipped } from "../check.ts";
import { type Ended, root, runChild, runProgram, works } from "../child.ts";

/** Milliseconds within which the end comes. */
const LONGEST = 60;

/** What children/endings.ts ends with by itself. */
const CODE = 7;

function judged({ code, signal, hung }: Ended): string | undefined {
  if (hung) return "it does not end";
  if (signal !== null) return `ended by ${signal}`;
  return code === CODE ? undefined : `exit code ${code}, expected ${CODE}`;
}

const NAP = `#include <unistd.h>
int nap(unsigned milliseconds) { usleep(milliseconds * 1000); return 0; }
`;

/** Fifty of each. */
export const endings: Check = {
  name: "endings",
  promise: "Closing the library, ending a Worker or the process in the midst of native calls crashes nothing.",
  unit: "endings",
  sizes: { quick: 4, long: 50 },
  async run({ rng, rounds }, tally): Promise<void> {
    const library = join(root, "target", "release", "liblibtrain.so");
    for (const how of ["close", "terminate", "exit"]) {
      for (const _ of rounds()) {
        const wrong = judged(await runChild("endings", [how, String(rng.below(LONGEST)), library]));
        tally.count(wrong && `${how}: ${wrong}`);
        tally.add(how);
      }
    }
  },
  async control({ folder }): Promise<Control> {
    const planted = "a library that is unmapped when it is closed";
    if (!await works("gcc", ["--version"])) throw new Skipped("gcc is not here to make the planted bug with");
    const [source, library] = [join(folder, "nap.c"), join(folder, "nap.so")];
    await Deno.writeTextFile(source, NAP);
    await runProgram("gcc", ["-shared", "-fPIC", "-o", library, source]);
    const said = judged(await runChild("endings", ["other", "20", library]));
    return { planted, caught: said !== undefined, said: said ?? "it ended well" };
  },
};
