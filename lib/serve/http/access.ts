/** Who may ask: by token, and by where the question comes from. */
import type { TokenTable } from "../store/tokens.ts";
import { HttpError } from "./http_error.ts";

/** Whether a host is this machine alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** A host's name without its port. */
function nameOf(host: string): string {
  return host.replace(/:\d+$/, "").toLowerCase();
}

/**
 * Refuses a request that a page of another site has a browser make: no header of ours lets it read answers, but what it sends
 * would be done. Without tokens the name that was asked for must be this machine's too, as another one may be made to lead
 * here.
 */
export function requireOwnSite(request: Request, { tokens }: { readonly tokens: boolean }): void {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  const origin = request.headers.get("origin");
  if (origin !== null && (!URL.canParse(origin) || new URL(origin).host !== host.toLowerCase())) {
    throw new HttpError(403, `Expected a request of this server's own pages, got one of ${origin}`);
  }
  if (!tokens && !isLoopback(nameOf(host))) {
    throw new HttpError(403, `Expected a request to this machine's own name, got one to ${host}: add a token first`);
  }
}

/**
 * The name of the token that a request has; throws where it has none of this server's. Where nobody else reaches the server,
 * none is needed while there are none.
 */
export function requireToken(
  request: Request,
  tokens: TokenTable,
  { alone }: { readonly alone: boolean },
): string | undefined {
  if (alone && tokens.count === 0) return undefined;
  const given = request.headers.get("authorization");
  const wanted = { "www-authenticate": 'Bearer realm="libtrain"' };
  if (given === null) throw new HttpError(401, "Expected the header Authorization: Bearer TOKEN, got none", wanted);
  const token = /^Bearer +(\S+) *$/i.exec(given)?.[1];
  if (token === undefined) {
    throw new HttpError(401, "Expected the header Authorization: Bearer TOKEN, got another form", wanted);
  }
  const name = tokens.nameOf(token);
  if (name === undefined) throw new HttpError(401, "Expected a token of this server, got another one", wanted);
  return name;
}
