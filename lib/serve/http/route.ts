/** A route: what it takes, what it answers, and what it does; the OpenAPI document tells the same. */
import type { Schema } from "../../recipe/schema.ts";
import type { Body } from "./body.ts";
import { HttpError } from "./http_error.ts";
import { type Parameters, type ParameterValues, parsed } from "./parameter.ts";

/** What a route answers with. */
export interface Answer {
  /** One sentence. */
  readonly about: string;
  /** What its JSON is like, by the name of a schema of the document. */
  readonly schema?: string;
  /** Its type where that is no JSON. */
  readonly type?: string;
}

/** A body that a route takes. */
export interface BodyKind {
  /** Its types. */
  readonly types: readonly string[];
  /** Bytes, at most. */
  readonly most: number;
  /** What its JSON must be, by the name of a schema of the document. */
  readonly schema?: string;
}

/** A request at a route. */
export interface Asked<P extends Parameters> {
  /** The request itself. */
  readonly request: Request;
  /** The values of the route's parameters. */
  readonly values: ParameterValues<P>;
  /** Reads the body that the route takes. */
  readonly body: () => Promise<Body>;
}

/** A route. */
export interface Route<P extends Parameters = Parameters> {
  /** Its method. */
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Its path, with names behind colons. */
  readonly path: string;
  /** What it does. */
  readonly about: string;
  /** Whether it takes no token. */
  readonly open?: boolean;
  /** Whether it only looks: while the server drains, others are refused. */
  readonly looks?: boolean;
  /** Its parameters. */
  readonly parameters: P;
  /** The body that it takes. */
  readonly body?: BodyKind;
  /** Its answers by their statuses, without those that any route may give. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** What it does. */
  readonly run: (asked: Asked<P>) => Promise<Response> | Response;
}

/** A route with the types of its own parameters. */
export function route<const P extends Parameters>(made: Route<P>): Route {
  return made as unknown as Route;
}

/** A schema by its name. */
export type Schemas = Readonly<Record<string, Schema>>;

function segmentsOf(path: string): string[] {
  return path.split("/").slice(1);
}

/** The values of a path's names where it is a route's; undefined where it is not. */
function matched(path: string, segments: readonly string[]): Record<string, string> | undefined {
  const wanted = segmentsOf(path);
  if (wanted.length !== segments.length) return undefined;
  const found: Record<string, string> = {};
  for (const [at, name] of wanted.entries()) {
    if (name.startsWith(":")) found[name.slice(1)] = segments[at]!;
    else if (name !== segments[at]) return undefined;
  }
  return found;
}

/** The route of a request and its values as texts; throws where there is none of the path, or none of the method. */
export function findRoute(routes: readonly Route[], method: string, url: URL): [Route, Record<string, string>] {
  const segments = segmentsOf(url.pathname);
  const there = routes.flatMap((one): [Route, Record<string, string>][] => {
    const values = matched(one.path, segments);
    return values === undefined ? [] : [[one, values]];
  });
  if (there.length === 0) {
    throw new HttpError(
      404,
      `Expected a path of this server, got ${url.pathname.slice(0, 200)}: /openapi.json lists them`,
    );
  }
  const found = there.find(([one]) => one.method === method);
  if (found !== undefined) return found;
  const allowed = there.map(([one]) => one.method).join(", ");
  throw new HttpError(405, `Expected ${allowed} at ${url.pathname}, got ${method}`, { allow: allowed });
}

/** The values of a route's parameters, all of them checked. */
export function valuesOf(
  { parameters }: Route,
  inPath: Readonly<Record<string, string>>,
  url: URL,
  headers: Headers,
): ParameterValues<Parameters> {
  const values: Record<string, string | number | boolean> = {};
  for (const name of url.searchParams.keys()) {
    const known = Object.entries(parameters).flatMap(([name, each]) => each.in === "query" ? [name] : []);
    if (known.includes(name)) continue;
    const wanted = known.length === 0 ? "no parameters" : `the parameters ${known.join(", ")}`;
    throw new HttpError(400, `Expected ${wanted}, got ${JSON.stringify(name.slice(0, 120))}`);
  }
  for (const [name, parameter] of Object.entries(parameters)) {
    let text: string | undefined;
    if (parameter.in === "path") text = decoded(inPath[name]!);
    else if (parameter.in === "header") text = headers.get(name) ?? undefined;
    else {
      const all = url.searchParams.getAll(name);
      if (all.length > 1) throw new HttpError(400, `Expected \`${name}\` once, got it ${all.length} times`);
      text = all[0];
    }
    if (text !== undefined) values[name] = parsed(name, parameter, text);
  }
  return values as ParameterValues<Parameters>;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, `Expected a path with % and two hexadecimal digits behind it, got ${text.slice(0, 120)}`);
  }
}
