/** Listening for requests. */
import { later } from "../../io/later.ts";

/** Where to listen, and who answers. */
export interface ListenerOptions {
  readonly hostname: string;
  /** 0 takes any that is free. */
  readonly port: number;
  readonly handler: (request: Request) => Promise<Response>;
  readonly onError: () => Response;
  /** Is told where listening has ended by itself. */
  readonly onNote: (message: string) => void;
}

/** Milliseconds before it tries to listen again. */
const pause = 1000;

/** Listens until it is shut down: where too many files are open, say, listening ends by itself, and begins again. */
export class Listener {
  /** Where it listens. */
  readonly address: Deno.NetAddr;
  readonly #options: ListenerOptions;
  #http: Deno.HttpServer<Deno.NetAddr>;
  #over = false;
  #stopWaiting = (): void => {};

  /** Throws Deno's errors where it cannot listen. */
  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#http = this.#listen(options.port);
    this.address = this.#http.addr;
  }

  #listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    const { hostname, handler, onError } = this.#options;
    const http = Deno.serve({ hostname, port, onListen: () => {}, onError }, handler);
    http.finished.catch((error: unknown) => {
      if (this.#over) return;
      this.#options.onNote(`Listening has ended (${(error as Error).message}), and begins again`);
      this.#again();
    });
    return http;
  }

  #again(): void {
    this.#stopWaiting = later(pause, () => {
      try {
        this.#http = this.#listen(this.address.port);
      } catch {
        this.#again();
      }
    });
  }

  /** Takes no more requests; resolves once those under way are answered. */
  async shutdown(): Promise<void> {
    this.#over = true;
    this.#stopWaiting();
    // What has ended by itself is not to be waited for.
    await this.#http.shutdown().catch(() => {});
  }
}
