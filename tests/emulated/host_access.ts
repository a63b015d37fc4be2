/**
 * A program that reads device memory from the host, which ends it: run by driver_test.ts. With the word `followed` it does
 * so after a kernel has reached that memory by a pointer in memory, for which the driver opens it.
 */
import { addressOf, cuda, launch, Session } from "./driver.ts";

const session = new Session();
const memory = session.floats(4);
if (Deno.args.includes("followed")) {
  const place = session.floats(2);
  const pointer = BigUint64Array.of(memory);
  const copied = cuda.cuMemcpyHtoDAsync_v2(place, addressOf(pointer), 8n, session.stream);
  const launched = launch(session.kernel("follow"), session.stream, [{ pointer: place }, { pointer: memory }]);
  console.log("followed", copied, launched, cuda.cuStreamSynchronize(session.stream));
}
console.log("allocated");
console.log("read", cuda.emu_peek(memory));
