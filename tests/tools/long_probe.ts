/** A long test, run by long_test.ts with and without the word to run it. */
import { long } from "../long.ts";
import { skip } from "../skip.ts";

long("probe", "it is a rehearsal", () => skip("the body", "it ran"));
