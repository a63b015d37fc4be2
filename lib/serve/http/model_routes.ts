/** Routes of models, and of predictions. */
import { join } from "node:path";
import type { Prediction } from "../../recipe/predict.ts";
import { LibtrainError } from "../../ffi/errors.ts";
import type { StoredModel } from "../store/models.ts";
import { type Body, mediaType, requireTakesJson, requireType, textOf } from "./body.ts";
import { type FormFile, formFiles, formType } from "./form.ts";
import { HttpError, httpErrorOf, json } from "./http_error.ts";
import { namePattern, type Parameter } from "./parameter.ts";
import { type Route, route } from "./route.ts";
import { modelView } from "./schemas.ts";
import type { Service } from "./service.ts";

const name = { in: "path", kind: "name", help: "The model's name" } as const satisfies Parameter;

/** Types of images that are decoded; what bytes are is told by themselves. */
const imageTypes = ["image/jpeg", "image/png", "image/webp", "application/octet-stream"];

/** Classes for each image. */
const usualTop = 3;

function found({ store }: Service, name: string): StoredModel {
  const model = store.models.find(name);
  if (model === undefined) {
    throw new HttpError(404, `Expected a model in service, got "${name}": GET /models lists them`);
  }
  return model;
}

/** The job that a body of `PUT /models/:name` names. */
function jobIn(text: string): string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new HttpError(400, `Expected JSON, got other text (${(error as Error).message})`);
  }
  const job = (body as { job?: unknown } | null)?.job;
  const strange = Object.keys(typeof body === "object" && body !== null ? body : {}).find((name) => name !== "job");
  if (strange !== undefined) throw new HttpError(422, `Expected \`job\` alone, got ${JSON.stringify(strange)}`);
  if (typeof job !== "string" || !new RegExp(namePattern).test(job)) {
    throw new HttpError(422, `Expected \`job\` as a job's name, got ${JSON.stringify(job) ?? "none"}`);
  }
  return job;
}

function imagesIn(request: Request, { bytes }: Body, most: number): FormFile[] {
  if (mediaType(request) !== formType) return [{ name: "0", bytes }];
  return formFiles(request.headers.get("content-type")!, bytes, most);
}

/** The routes of models. */
export function modelRoutes(service: Service): readonly Route[] {
  const { store, models, limits } = service;
  return [
    route({
      method: "PUT",
      path: "/models/:name",
      about: "Takes the model of a job that is done into service, as a new version unless it is there already",
      parameters: { name },
      body: { types: ["application/json"], most: 4096, schema: "ModelBody" },
      answers: {
        200: { about: "The model, which answers by the new version", schema: "Model" },
        404: { about: "There is no such job", schema: "Error" },
        409: { about: "The job is not done", schema: "Error" },
        422: { about: "The body names no job", schema: "Error" },
      },
      run: async ({ request, values, body }): Promise<Response> => {
        requireType(request, ["application/json"]);
        using read = await body();
        const id = jobIn(textOf(read));
        const job = store.jobs.find(id);
        if (job === undefined) throw new HttpError(404, `Expected a job of this server, got "${id}"`);
        if (job.state !== "done") {
          throw new HttpError(409, `Expected a job that is done, got "${job.id}", which is ${job.state}`);
        }
        const run = join(store.jobFolder(job.id), "run");
        return json(modelView(await models.put(values.name, { job: job.id, run })));
      },
    }),
    route({
      method: "GET",
      path: "/models",
      about: "Lists the models in service with their versions",
      looks: true,
      parameters: {},
      answers: { 200: { about: "The models", schema: "Models" } },
      run: (): Response => json({ models: store.models.list().map(modelView) }),
    }),
    route({
      method: "POST",
      path: "/models/:name/rollback",
      about: "Takes the version back into service that was there before",
      parameters: { name },
      answers: {
        200: { about: "The model", schema: "Model" },
        404: { about: "There is no such model", schema: "Error" },
        409: { about: "There is no version before", schema: "Error" },
      },
      run: ({ values }): Response => {
        const { name, version } = found(service, values.name);
        const model = store.models.rollback(name);
        if (model) return json(modelView(model));
        throw new HttpError(
          409,
          `Expected a version before the one in service, got none before ${version} of "${name}"`,
        );
      },
    }),
    route({
      method: "POST",
      path: "/predict",
      about: "Says what an image shows, or several in a form",
      parameters: {
        model: { in: "query", kind: "name", help: "The model; may be left out where there is one alone" },
        version: { in: "query", kind: "integer", min: 1, help: "Its version (default the one in service)" },
        top: { in: "query", kind: "integer", min: 1, max: 1000, help: "Classes for each image (default 3)" },
      },
      body: { types: [...imageTypes, formType], most: limits.body },
      answers: {
        200: { about: "What they show; images that cannot be answered are in `failures`", schema: "Predictions" },
        404: { about: "There is no such model or version", schema: "Error" },
        406: { about: "The client takes no JSON", schema: "Error" },
        422: { about: "None of the images can be answered", schema: "Error" },
      },
      run: async ({ request, values, body }): Promise<Response> => {
        requireTakesJson(request);
        requireType(request, [...imageTypes, formType]);
        const model = modelOf(service, values.model, values.version);
        using read = await body();
        const images = imagesIn(request, read, limits.images);
        const answers = await models.predict(model, images.map(({ bytes }) => bytes), { top: values.top ?? usualTop });
        return json(predictionsOf(service, model, images, answers));
      },
    }),
  ];
}

/** The version that is asked for. */
function modelOf(
  service: Service,
  asked: string | undefined,
  wanted: number | undefined,
): { readonly name: string; readonly version: number } {
  let model: StoredModel;
  if (asked === undefined) {
    const all = service.store.models.list();
    if (all.length !== 1) {
      const there = all.length === 0 ? "none is in service" : `there are ${all.map(({ name }) => name).join(", ")}`;
      throw new HttpError(all.length === 0 ? 404 : 400, `Expected \`model\`, got none: ${there}`);
    }
    model = all[0]!;
  } else model = found(service, asked);
  const version = wanted ?? model.version;
  if (model.versions.some((each) => each.version === version)) return { name: model.name, version };
  const there = model.versions.map((each) => each.version).join(", ");
  throw new HttpError(404, `Expected a version of "${model.name}", ${there}, got ${version}`);
}

function predictionsOf(
  service: Service,
  { name, version }: { readonly name: string; readonly version: number },
  images: readonly FormFile[],
  answers: readonly PromiseSettledResult<Prediction>[],
): Record<string, unknown> {
  const predictions: Record<string, unknown>[] = [];
  const failures: { image: string; error: string }[] = [];
  for (const [at, answer] of answers.entries()) {
    const image = images[at]!.name;
    if (answer.status === "fulfilled") {
      const { guesses, damage } = answer.value;
      predictions.push({ image, guesses, damage });
      continue;
    }
    const error: unknown = answer.reason;
    // A full queue is no image's fault.
    const known = httpErrorOf(error);
    if (known !== undefined) throw known;
    if (!(error instanceof LibtrainError)) throw error;
    // What answers knows no names.
    failures.push({ image, error: error.message.replace('the image "0"', "the image") });
  }
  service.metrics.count(
    "libtrain_predictions_total",
    "Images answered",
    { model: name, version: `${version}` },
    predictions.length,
  );
  if (predictions.length === 0) {
    const [{ error } = { error: "" }] = failures;
    throw new HttpError(
      422,
      failures.length === 1 ? error : `None of ${failures.length} images can be answered: ${error}`,
    );
  }
  return { model: name, version, predictions, failures };
}
