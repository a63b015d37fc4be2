/** A program that reads device memory from the host, which ends it: run by driver_test.ts. */
import { cuda, Session } from "./driver.ts";

const session = new Session();
const memory = session.floats(4);
console.log("allocated");
console.log("read", cuda.emu_peek(memory));
