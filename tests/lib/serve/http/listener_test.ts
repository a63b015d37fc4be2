import { assertEquals, assertMatch } from "@std/assert";
import { Listener } from "../../../../lib/serve/http/listener.ts";
import { until } from "../../../support/supervised.ts";

Deno.test("listening that ends by itself begins again at the same place", async () => {
  const { serve } = Deno;
  const servers: { readonly server: Deno.HttpServer; readonly fail: (error: Error) => void }[] = [];
  // As Deno ends it once no more files can be opened.
  const broken = ((options: Deno.ServeTcpOptions, handler: Deno.ServeHandler): Deno.HttpServer<Deno.NetAddr> => {
    const server = serve(options, handler);
    const { promise, reject } = Promise.withResolvers<void>();
    servers.push({ server, fail: reject });
    return new Proxy(server, {
      get: (target, name) => {
        if (name === "finished") return promise;
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }) as typeof Deno.serve;
  Deno.serve = broken;
  try {
    const notes: string[] = [];
    const listener = new Listener({
      hostname: "127.0.0.1",
      port: 0,
      handler: () => Promise.resolve(new Response("here")),
      onError: () => new Response("wrong", { status: 500 }),
      onNote: (message) => void notes.push(message),
    });
    const ask = async (): Promise<string> => await (await fetch(`http://127.0.0.1:${listener.address.port}`)).text();
    assertEquals(await ask(), "here");
    await servers[0]!.server.shutdown();
    servers[0]!.fail(new Error("Too many open files (os error 24)"));
    await until(() => servers.length === 2, "it to listen again", 10);
    assertEquals(await ask(), "here");
    assertEquals(notes.length, 1);
    assertMatch(notes[0]!, /^Listening has ended \(Too many open files.*\), and begins again$/);
    await listener.shutdown();
    assertEquals(servers.length, 2);
  } finally {
    Deno.serve = serve;
  }
});
