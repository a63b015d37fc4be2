/** The OpenAPI document of a server, by the table of its routes and the schemas of its checks. */
import type { Schema } from "../../recipe/schema.ts";
import { parameterSchema } from "./parameter.ts";
import type { Answer, Route, Schemas } from "./route.ts";

/** Answers that any route may give. */
const common: Readonly<Record<number, string>> = {
  400: "Something of the request is not as it must be",
  403: "The request comes from another site, or asks for this machine by another name",
  414: "The path is too long",
  431: "The headers are too long",
  500: "Something is wrong with the server",
  503: "The server is about to end, or its state is busy",
};

const withBody: Readonly<Record<number, string>> = {
  408: "The body took too long",
  413: "The body is too large",
  415: "The body is of another type",
  429: "The server has enough to do: try again after Retry-After",
  507: "The server's disk is full; nothing was changed",
};

function content({ schema, type = "application/json" }: Pick<Answer, "schema" | "type">): Schema {
  return { [type]: schema === undefined ? {} : { schema: { $ref: `#/components/schemas/${schema}` } } };
}

function answersOf({ answers, body, open }: Route): Schema {
  const errors = { ...common, ...(open ? {} : { 401: "The token is missing or wrong" }), ...(body ? withBody : {}) };
  const told: Record<string, Answer> = Object.fromEntries(
    Object.entries(errors).map(([status, about]) => [status, { about, schema: "Error" }]),
  );
  for (const [status, answer] of Object.entries(answers)) told[status] = answer;
  return Object.fromEntries(
    Object.entries(told).map(([status, answer]) => [status, {
      description: answer.about,
      ...(answer.schema === undefined && answer.type === undefined ? {} : { content: content(answer) }),
    }]),
  ) as Schema;
}

function operation(route: Route): Schema {
  const { about, parameters, body, open } = route;
  return {
    summary: about,
    parameters: Object.entries(parameters).map(([name, parameter]) => ({
      name,
      in: parameter.in,
      required: parameter.in === "path",
      description: parameter.help,
      schema: parameterSchema(parameter),
    })) as unknown as Schema[],
    ...(body === undefined ? {} : {
      requestBody: {
        required: true,
        content: Object.fromEntries(
          body.types.map((type) => [type, content({ schema: body.schema, type })[type]]),
        ) as Schema,
      },
    }),
    responses: answersOf(route),
    ...(open ? { security: [] } : {}),
  } as unknown as Schema;
}

/** Counts up where a client would have to change. */
const apiVersion = "1";

/** The document (OpenAPI 3.1, whose schemas are JSON Schema 2020-12). */
export function openApi(routes: readonly Route[], schemas: Schemas): Schema {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: "3.1.0",
    info: { title: "libtrain serve", version: apiVersion },
    paths,
    components: { schemas, securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    security: [{ token: [] }],
  } as unknown as Schema;
}
