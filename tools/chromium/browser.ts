/** A real Chromium, driven by its DevTools protocol through pipes: no port is opened. */
import { fromFileUrl, join } from "@std/path";

const cache = fromFileUrl(new URL("../../.cache", import.meta.url));
const own = join(cache, "chromium", "chromium");

/** Names of browsers on PATH. */
const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** What `sh` says of where a browser is; permissions know no PATH. */
async function onPath(): Promise<string | undefined> {
  const look = `for name in ${names.join(" ")}; do command -v $name; done`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", look], stderr: "null" }).output();
  return new TextDecoder().decode(stdout).split("\n").find((line) => line.startsWith("/"));
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** The browser's file, or why there is none. */
export async function findBrowser(): Promise<{ path: string } | { missing: string }> {
  if (Deno.permissions.querySync({ name: "run", command: "sh" }).state !== "granted") {
    return {
      missing: "this process may not run sh, which starts the browser: `deno task chromium` and `deno task test` may",
    };
  }
  const given = Deno.env.get("LIBTRAIN_CHROMIUM") ?? "";
  if (given !== "") {
    return isFile(given) ? { path: given } : { missing: `LIBTRAIN_CHROMIUM names "${given}", where no file is` };
  }
  if (isFile(own)) return { path: own };
  const found = await onPath();
  return found === undefined
    ? { missing: "no Chromium on PATH or in .cache/chromium: `deno task chromium` puts one there" }
    : { path: found };
}

/** What the protocol answers. */
type Values = Readonly<Record<string, unknown>>;

/** The browser takes its commands at descriptor 3 and answers at 4; libraries that lie beside it are its own. */
const start = `
exec 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null
[ -d "$1" ] && export LD_LIBRARY_PATH="$1"
shift
exec "$@"`;

/** A running browser with one page. */
export class Browser implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<number, { resolve(values: Values): void; reject(error: Error): void }>();
  readonly #profile: string;
  readonly #reading: Promise<void>;
  #session: string | undefined;
  #count = 0;
  /** Addresses that were asked for, in order. */
  readonly requests: string[] = [];
  /** What the console said of errors and warnings, exceptions among it. */
  readonly complaints: string[] = [];

  private constructor(path: string) {
    Deno.mkdirSync(cache, { recursive: true });
    this.#profile = Deno.makeTempDirSync({ dir: cache, prefix: "chromium-profile-" });
    const args = [
      "--headless",
      "--no-sandbox",
      "--remote-debugging-pipe",
      "--no-first-run",
      "--disable-gpu",
      // Without either it looks for a GPU for minutes on some machines.
      "--disable-software-rasterizer",
      "--use-gl=disabled",
      "--disable-background-networking",
      `--user-data-dir=${this.#profile}`,
      "about:blank",
    ];
    this.#child = new Deno.Command("sh", {
      args: ["-c", start, "sh", join(path, "..", "lib"), path, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Starts a browser with an empty page. */
  static async start(path: string): Promise<Browser> {
    const browser = new Browser(path);
    try {
      const { targetId } = await browser.#send("Target.createTarget", { url: "about:blank" }, false);
      const { sessionId } = await browser.#send("Target.attachToTarget", { targetId, flatten: true }, false);
      browser.#session = sessionId as string;
      for (const domain of ["Page", "Runtime", "Log", "Network"]) await browser.send(`${domain}.enable`);
      return browser;
    } catch (error) {
      await browser[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const bytes of this.#child.stdout) {
      text += decoder.decode(bytes, { stream: true });
      const parts = text.split("\0");
      text = parts.pop()!;
      for (const part of parts) this.#take(JSON.parse(part));
    }
    for (const { reject } of this.#waiting.values()) reject(new Error("The browser ended"));
    this.#waiting.clear();
  }

  // deno-lint-ignore no-explicit-any
  #take({ id, method, params, result, error }: any): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error.message));
      return;
    }
    if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
    if (method === "Runtime.exceptionThrown") this.complaints.push(JSON.stringify(params.exceptionDetails));
    if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(params.type)) {
      this.complaints.push(JSON.stringify(params.args));
    }
    if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) {
      this.complaints.push(JSON.stringify(params.entry));
    }
  }

  async #send(method: string, params: Values, inPage: boolean): Promise<Values> {
    const id = ++this.#count;
    const answer = new Promise<Values>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const message = { id, method, params, ...(inPage ? { sessionId: this.#session } : {}) };
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(message)}\0`));
    return await answer;
  }

  /** A command to the page. */
  send(method: string, params: Values = {}): Promise<Values> {
    return this.#send(method, params, true);
  }

  /** The value of an expression in the page, which must be JSON; a promise's value. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const options = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", options);
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: Value }).value;
  }

  /** Opens an address, and waits until an expression is true. */
  async open(url: string, ready: string): Promise<void> {
    await this.send("Page.navigate", { url });
    for (let count = 0; count < 600; count++) {
      if (await this.evaluate<boolean>(`location.href === ${JSON.stringify(url)} && Boolean(${ready})`)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`The page ${url} did not come to ${ready}: ${this.complaints.join("; ")}`);
  }

  /** How wide the window is, and what the reader prefers. */
  async look(
    { width, scheme, media = "" }: { width: number; scheme: "light" | "dark"; media?: string },
  ): Promise<void> {
    const metrics = { width, height: 900, deviceScaleFactor: 1, mobile: false };
    await this.send("Emulation.setDeviceMetricsOverride", metrics);
    await this.send("Emulation.setEmulatedMedia", {
      media,
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
  }

  /** Presses a key and lets go of it. */
  async press(key: "Tab" | "Enter" | "Space"): Promise<void> {
    const known = {
      Tab: { key: "Tab", code: "Tab", windowsVirtualKeyCode: 9 },
      Enter: { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" },
      Space: { key: " ", code: "Space", windowsVirtualKeyCode: 32, text: " " },
    }[key];
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...known });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...known });
  }

  /** Ends the browser. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#send("Browser.close", {}, false).catch(() => {});
    await this.#writer.close().catch(() => {});
    await this.#child.status;
    await this.#reading;
    await Deno.remove(this.#profile, { recursive: true });
  }
}
