/** What `deno task doctor` says. */
import { assertEquals, assertMatch } from "@std/assert";
import { doctor } from "../../tasks/doctor.ts";

/** The findings under an environment variable. */
async function findingsWith(name: string, value: string): Promise<Awaited<ReturnType<typeof doctor>>> {
  const before = Deno.env.get(name);
  Deno.env.set(name, value);
  try {
    return await doctor();
  } finally {
    if (before === undefined) Deno.env.delete(name);
    else Deno.env.set(name, before);
  }
}

Deno.test("doctor: a sum on this machine is right", async () => {
  const { findings, device } = await doctor();
  const kernels = findings.filter(({ topic }) => topic === "kernels");
  assertEquals(kernels.map(({ state }) => state), ["ok"]);
  assertEquals((device?.cpu.cores ?? 0) > 0, true);
});

Deno.test("doctor: a wrong setting is named with its cure, and the library is found once", async () => {
  const { healthy, findings } = await findingsWith("LIBTRAIN_THREADS", "abc");
  const states = findings.map(({ topic, state }) => `${topic} ${state}`);
  assertEquals(states.filter((state) => state.startsWith("library")), ["library ok"]);
  const kernels = findings.find(({ topic }) => topic === "kernels")!;
  assertEquals([healthy, kernels.state, kernels.cure], [false, "failed", "set it so, or `unset LIBTRAIN_THREADS`"]);
  assertMatch(kernels.detail, /Expected LIBTRAIN_THREADS as a whole number from 1 to \d+, got "abc"/);
  assertEquals(states.includes("CUDA note") || states.includes("CUDA ok"), true, "what comes after is looked at");
});

Deno.test("doctor: the memory that may be held has its bound, and a wrong setting is named", async () => {
  const { findings, device } = await doctor();
  const memory = findings.find(({ topic }) => topic === "memory")!;
  assertMatch(memory.detail, /^\d+\.\d\d GiB may be held, bounded by (the [a-z ]+|LIBTRAIN_MEMORY)$/);
  assertEquals(device!.memory.budget > 0, true);
  const { healthy, findings: wrong } = await findingsWith("LIBTRAIN_MEMORY", "2 apples");
  const kernels = wrong.find(({ topic }) => topic === "kernels")!;
  assertEquals([healthy, kernels.cure], [false, "set it so, or `unset LIBTRAIN_MEMORY`"]);
});
