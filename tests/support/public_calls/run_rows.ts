/** Right calls of data sets, training, recipes, files and studies. */
import * as lib from "../../../mod.ts";
import { startingCounters } from "../../../lib/checkpoint/state.ts";
import { also, calling, loosely, making, type Parts, refusing, type Row, whole } from "./walk.ts";

const { data, nn, optim, recipe, serve, study } = lib;

const error = { none: "scripts catch errors of the library's, and make none" };
const internal = { none: "the library's own, no part of what scripts call" };
const alone = { none: "takes no argument" };

/** Four grey images of two classes. */
const setOf = ({ device, keep }: Parts): lib.data.Dataset =>
  keep(data.fromArrays(
    { images: new Uint8Array(16), labels: [0, 1, 0, 1], imageShape: [2, 2, 1], classes: ["a", "b"] },
    { device },
  ));
const batchesOf = (parts: Parts): lib.data.Batches => whole(setOf(parts).batches(2));
const modelOf = ({ device, keep }: Parts): lib.nn.Module =>
  keep(new nn.Sequential(new nn.Flatten(), new nn.Linear(4, 2, { device })));
const trainerOptions = (): Record<string, unknown> => ({
  optimizer: optim.sgd(),
  schedule: whole(optim.constant({ lr: 0.1 })),
  labelSmoothing: 0.1,
  seed: 0,
  clipNorm: 1,
  accumulate: 1,
  capture: false,
  dtype: "f32",
  ema: 0.9,
});
const trainerOf = (parts: Parts): lib.Trainer =>
  parts.keep(new lib.Trainer(modelOf(parts), trainerOptions() as unknown as lib.TrainerOptions));

const tensors = (): Map<string, lib.SafeTensor> =>
  new Map([["a", { dtype: "F32", shape: [1], data: new Float32Array(1) }]]);
const missing = ({ folder }: Parts): string => `${folder}/none-${crypto.randomUUID()}`;
const answers = (): lib.study.ImageAnswers =>
  whole({ labels: [0, 1], predicted: [0, 0], probability: [0.5, 1], loss: [0.5, 2] });
const small = (): lib.recipe.Recipe => whole(recipe.preset("mnist"));

/** A page of one of each. */
const smallPage = (): lib.study.Page => ({
  title: "A page",
  about: "of one of each",
  sections: [{
    title: "A section",
    text: ["A line"],
    tables: [{ title: "A table", columns: ["a"], rows: [[1]], note: "A note" }],
    figures: [{
      name: "figure",
      title: "A figure",
      caption: "A point",
      spec: whole({ mark: "point", encoding: { x: { field: "a", type: "quantitative" } } }),
      rows: [whole({ a: 1 })],
    }],
    pictures: [{
      title: "Pictures",
      caption: "A pixel",
      pictures: [{ pixels: new Uint8Array(3), height: 1, width: 1, label: "A picture", wrong: true }],
    }],
  }],
});

/** What a training that is begun comes to. */
const resultOf = (name: string) => (...given: unknown[]): unknown =>
  (calling(recipe, name)(...given) as lib.recipe.Training<unknown>).result;

export const runRows: Readonly<Record<string, Row>> = {
  NonFiniteError: error,
  RunFolderError: error,
  SafetensorsError: error,
  Trainer: also([], (parts) => [making(lib.Trainer), modelOf(parts), trainerOptions()]),
  "Trainer.on": (parts) => [calling(trainerOf(parts), "on"), "epochEnd", () => {}],
  "Trainer.state": alone,
  "Trainer.load": refusing(
    (parts) => [calling(trainerOf(parts), "load"), { tensors: tensors(), counters: whole({ ...startingCounters }) }],
  ),
  "Trainer.tryRates": (parts) => [calling(trainerOf(parts), "tryRates"), batchesOf(parts), [0.1], {
    signal: new AbortController().signal,
    onStep: () => {},
  }],
  "Trainer.fit": (parts) => [calling(trainerOf(parts), "fit"), batchesOf(parts), {
    epochs: 1,
    valid: batchesOf(parts),
    signal: new AbortController().signal,
    saveEvery: 10,
    resume: false,
    force: false,
  }],
  "Trainer.dispose": alone,
  "Trainer.toString": alone,
  evaluate: (parts) => [lib.evaluate, modelOf(parts), batchesOf(parts), {
    loss: nn.crossEntropyLoss(),
    metrics: whole({}),
    signal: new AbortController().signal,
    dtype: "f32",
    onProgress: () => {},
    onPredictions: () => {},
  }],
  logitsOf: (parts) => [lib.logitsOf, modelOf(parts), parts.x(2, 4), "f32"],

  exportFastai: refusing((parts) => [lib.exportFastai, modelOf(parts), missing(parts), { steps: 1 }]),
  importFastai: refusing((
    parts,
  ) => [lib.importFastai, modelOf(parts), missing(parts), { strict: true, except: /head/ }]),
  loadCheckpoint: refusing((parts) => [lib.loadCheckpoint, missing(parts)]),
  loadWeights: refusing((parts) => [lib.loadWeights, modelOf(parts), missing(parts), {
    except: /head/,
    strict: true,
    prefix: "model.",
  }]),
  readSafetensors: refusing((parts) => [lib.readSafetensors, missing(parts)]),
  saveWeights: (parts) => [lib.saveWeights, modelOf(parts), `${parts.folder}/weights.safetensors`],
  saveCheckpoint: loosely((parts) => [lib.saveCheckpoint, `${parts.folder}/state.safetensors`, {
    state: { tensors: tensors(), counters: whole({ ...startingCounters }) },
    config: whole({}),
  }]),
  writeSafetensors: loosely((
    parts,
  ) => [lib.writeSafetensors, `${parts.folder}/own.safetensors`, tensors(), { metadata: whole({}) }]),
  writeTensors: refusing((parts) => [lib.writeTensors, tensors(), { model: modelOf(parts) }]),

  RunFolder: internal,
  "RunFolder.create": loosely(({ folder }) => [lib.RunFolder.create, { name: "a", root: folder, config: whole({}) }]),
  "RunFolder.createAt": loosely(({ folder }) => [
    lib.RunFolder.createAt,
    `${folder}/${crypto.randomUUID()}`,
    { config: whole({}) },
  ]),
  "RunFolder.open": refusing((parts) => [lib.RunFolder.open, missing(parts), { config: whole({}) }]),
  ...Object.fromEntries(
    [
      "configure",
      "event",
      "nameMetrics",
      "metrics",
      "steps",
      "trySave",
      "save",
      "load",
      "removeResult",
      "result",
      "toString",
    ]
      .map((name) => [`RunFolder.${name}`, { none: "called by a Trainer, with what it has made" }]),
  ),

  "data.Batch": loosely((
    { x, i32 },
  ) => [making(data.Batch), { images: x(2, 2, 2, 1), labels: i32([0, 1]), index: Int32Array.of(0, 1), epoch: 0 }]),
  "data.Batch.clone": alone,
  "data.Batch.dispose": alone,
  "data.Batch.toString": alone,
  "data.DataError": error,
  "data.DataNotFoundError": error,
  "data.LibtrainError": error,
  "data.caches": loosely(({ folder }) => [data.caches, { cache: `${folder}/none` }]),
  // Never without a folder of its own: it would clear the project's.
  "data.clearCaches": loosely(({ folder }) => {
    const cache = `${folder}/none`;
    return [(options: lib.data.CachesOptions = {}) => {
      const isDefault = typeof options === "object" && options !== null && options.cache === undefined;
      return data.clearCaches(isDefault ? { ...options, cache } : options);
    }, { cache }];
  }),
  "data.classNames": refusing(() => [data.classNames, ["n1", "n2"]]),
  "data.cutmix": loosely(() => [data.cutmix, { alpha: 1, probability: 0.5, classes: 2 }]),
  "data.mixup": loosely(() => [data.mixup, { alpha: 1, probability: 0.5, classes: 2 }]),
  "data.decodeImage": refusing(({ device }) => [data.decodeImage, new Uint8Array(8), { size: 8, device }]),
  "data.describe": refusing((parts) => [data.describe, missing(parts), { size: 8, cache: parts.folder }]),
  "data.download": refusing(() => [data.download, whole({ name: "nothing" })]),
  "data.findArchive": refusing(() => [data.findArchive, "none-of-these", {}]),
  "data.fromArrays": loosely(({ device }) => [
    data.fromArrays,
    { images: new Uint8Array(16), labels: [0, 1, 0, 1], imageShape: [2, 2, 1], classes: ["a", "b"] },
    { device, training: true },
  ]),
  "data.fromSamples": refusing((
    { device },
  ) => [data.fromSamples, [], { size: 8, classes: ["a"], training: true, device }]),
  "data.importArchive": refusing((parts) => [data.importArchive, data.knownSets[0], missing(parts), {}]),
  "data.knownSet": loosely(() => [data.knownSet, "imagenette"]),
  "data.mnist": refusing((
    { device, folder },
  ) => [(options: never) => data.mnist(options ?? { folder: "none" }), { device, folder: `${folder}/none`, limit: 1 }]),
  "data.normalize": loosely(({ x }) => [data.normalize, x(1, 2, 2, 1), { mean: [0.5], std: [0.5] }]),
  "data.open": refusing((parts) => [data.open, missing(parts), { size: 8, limit: 1, device: parts.device }]),
  "data.openPart": refusing((
    parts,
  ) => [data.openPart, missing(parts), "test", { size: 8, limit: 1, device: parts.device }]),
  "data.leftOutCounts": refusing(() => [data.leftOutCounts, [{ path: "a", reason: "ending" }]]),
  "data.leftOutText": refusing(() => [data.leftOutText, [{ path: "a", reason: "ending" }]]),
  "data.openValid": refusing((parts) => [data.openValid, missing(parts), { size: 8, limit: 1, device: parts.device }]),

  "recipe.ChangedSettingsError": error,
  "recipe.EditedConfigError": error,
  "recipe.NotRegisteredHereError": error,
  "recipe.RecipeError": error,
  "recipe.RunNotFoundError": error,
  "recipe.SettingError": error,
  "recipe.ScriptRun": internal,
  "recipe.ScriptRun.dispose": alone,
  "recipe.ScriptRun.toString": alone,
  "recipe.Trained": internal,
  "recipe.Trained.open": { none: "as recipe.open" },
  "recipe.Trained.predict": { none: "of a run that is opened: tests/lib/recipe has one" },
  "recipe.Trained.dataChoice": { none: "of a run that is opened: tests/lib/recipe has one" },
  "recipe.Trained.requireClasses": { none: "of a run that is opened: tests/lib/recipe has one" },
  "recipe.Trained.evaluate": { none: "of a run that is opened: tests/lib/recipe has one" },
  "recipe.Trained.dispose": alone,
  "recipe.Trained.toString": alone,
  "recipe.Training": internal,
  "recipe.buildLoss": loosely(() => [recipe.buildLoss, { loss: { name: "crossEntropy", labelSmoothing: 0.1 } }]),
  "recipe.buildModel": loosely(({ device }) => [
    recipe.buildModel,
    { model: { name: "mnistNet" }, classes: 2, seed: 0, dtype: "f32" },
    device,
  ]),
  "recipe.buildOptimizer": loosely(() => [recipe.buildOptimizer, { optimizer: { name: "adamw", wd: 0.1 } }]),
  "recipe.buildTrainer": loosely((parts) => [recipe.buildTrainer, small(), modelOf(parts)]),
  "recipe.change": loosely(() => [recipe.change, small(), { epochs: 2 }]),
  "recipe.changeList": loosely(() => [recipe.changeList, [{ path: "epochs", before: 1, now: 2 }]]),
  "recipe.check": loosely(() => [recipe.check, small()]),
  "recipe.chooseDtype": { none: "times kernels" },
  "recipe.cpuFacts": alone,
  "recipe.createRun": refusing((
    parts,
  ) => [recipe.createRun, trainerOf(parts), { model: whole({ name: "none" }), batches: batchesOf(parts) }]),
  "recipe.define": loosely(() => [recipe.define, whole({ ...small() })]),
  "recipe.differences": loosely(() => [recipe.differences, whole({ a: 1 }), whole({ a: 2 })]),
  "recipe.exportWeights": refusing((parts) => [recipe.exportWeights, missing(parts), { out: `${parts.folder}/out` }]),
  "recipe.findCheckpoint": refusing((parts) => [recipe.findCheckpoint, missing(parts)]),
  "recipe.importWeights": refusing((
    parts,
  ) => [recipe.importWeights, missing(parts), { model: whole({ name: "mnistNet" }), out: `${parts.folder}/out` }]),
  "recipe.isSeeds": loosely((parts) => [recipe.isSeeds, missing(parts)]),
  "recipe.masterDtype": loosely(() => [recipe.masterDtype, "bf16"]),
  "recipe.open": refusing((parts) => [recipe.open, missing(parts), { ema: true, threads: 1, dtype: "f32" }]),
  "recipe.openData": refusing((
    parts,
  ) => [recipe.openData, whole({ data: { name: missing(parts) }, size: 8 }), parts.device, {}]),
  "recipe.openValidData": refusing((
    parts,
  ) => [recipe.openValidData, whole({ data: { name: missing(parts) }, size: 8 }), parts.device, {}]),
  "recipe.parseSetting": loosely(() => [recipe.parseSetting, recipe.settings()[0], "mnist"]),
  "recipe.preset": loosely(() => [recipe.preset, "mnist", { epochs: 2 }]),
  "recipe.presetFamilies": alone,
  "recipe.presetNames": alone,
  "recipe.presetOf": loosely(() => [recipe.presetOf, "mnist"]),
  "recipe.register": loosely(() => [recipe.register, {}]),
  "recipe.registered": alone,
  "recipe.rehearse": refusing((
    parts,
  ) => [recipe.rehearse, whole(recipe.preset("mnist", { data: { name: missing(parts) } })), {}]),
  "recipe.resume": refusing((parts) => [resultOf("resume"), missing(parts), { force: false }]),
  "recipe.resumeSeeds": refusing((parts) => [resultOf("resumeSeeds"), missing(parts), { force: false }]),
  "recipe.pack": refusing((parts) => [recipe.pack, missing(parts), { out: `${parts.folder}/out`, ema: true }]),
  "recipe.schema": alone,
  "recipe.settings": alone,
  "recipe.spread": loosely(() => [recipe.spread, [1, 2]]),
  "recipe.train": refusing((
    parts,
  ) => [resultOf("train"), whole(recipe.preset("mnist", { data: { name: missing(parts) } })), {
    folder: `${parts.folder}/run`,
  }]),
  "recipe.trainBatches": refusing((
    parts,
  ) => [recipe.trainBatches, whole({ ...small(), bs: 2, dtype: "f32" as const }), whole(setOf(parts))]),
  "recipe.trainSeeds": refusing((
    parts,
  ) => [resultOf("trainSeeds"), whole(recipe.preset("mnist", { data: { name: missing(parts) } })), {
    runs: 2,
    out: `${parts.folder}/runs`,
  }]),
  "recipe.validBatches": loosely((
    parts,
  ) => [recipe.validBatches, whole({ ...small(), dtype: "f32" as const }), whole(setOf(parts))]),
  "recipe.wantedOf": loosely(() => [recipe.wantedOf, whole({ ...recipe.settings()[0]! })]),

  "study.SweepError": error,
  "study.answersText": { none: "takes what study.sweep gives" },
  "study.armRows": { none: "takes what study.sweep gives" },
  "study.armsOf": loosely(() => [study.armsOf, { bs: [32] }]),
  "study.compareAnswers": refusing((parts) => [study.compareAnswers, missing(parts), missing(parts), { threads: 1 }]),
  "study.comparisonRows": { none: "takes what study.sweep gives" },
  "study.comparisonText": { none: "takes what study.sweep gives" },
  "study.countText": { none: "takes what study.sweep gives" },
  "study.csvOf": { none: "takes what study.sweep gives" },
  "study.define": loosely(() => [study.define, {
    name: "a",
    claim: "a is better",
    preset: "mnist",
    arms: whole({ a: {}, b: {} }),
    baseline: "a",
    measure: "top1",
  }]),
  "study.gridOf": loosely(() => [study.gridOf, { bs: [32] }, { preset: "mnist" }]),
  "study.hashOf": loosely(() => [study.hashOf, whole({})]),
  "study.identityOf": loosely(() => [study.identityOf, whole({ ...small(), source: null })]),
  "study.isSweep": loosely((parts) => [study.isSweep, missing(parts)]),
  "study.markdownOf": { none: "takes what study.sweep gives" },
  "study.markdownTables": { none: "takes what study.sweep gives" },
  "study.noteLines": { none: "takes what study.sweep gives" },
  "study.packAnswers": { none: "takes what evaluate() gives" },
  "study.parseAxis": loosely(() => [study.parseAxis, "bs=32"]),
  "study.planOf": loosely(() => [
    study.planOf,
    whole({ name: "a", claim: "a", preset: "mnist", arms: { a: {} }, baseline: "a" }),
    { preset: "mnist" },
  ]),
  "study.previewSweep": refusing((parts) => [
    study.previewSweep,
    whole(study.gridOf({ bs: [32] }, { changes: { data: { name: missing(parts) } } })),
    { runs: 1 },
  ]),
  "study.readRecord": loosely((parts) => [study.readRecord, missing(parts)]),
  "study.readResults": refusing((parts) => [
    study.readResults,
    whole(study.gridOf({ bs: [32] })),
    { results: [missing(parts)], runs: 1, firstSeed: 0 },
  ]),
  "study.readSweep": refusing((parts) => [study.readSweep, missing(parts)]),
  "study.rightAnswers": loosely(() => [study.rightAnswers, { total: 1, correct: 1, right: "AQ==", predicted: "AA==" }]),
  "study.sweep": refusing((parts) => [
    study.sweep,
    whole(study.gridOf({ bs: [32] }, { changes: { data: { name: missing(parts) } } })),
    { folder: `${parts.folder}/sweep`, runs: 1 },
  ]),
  "study.answerReport":
    () => [study.answerReport, answers(), { classes: ["a", "b"], bins: 3, top: 1, alpha: 0.05, seed: 0 }],
  "study.answerSections": { none: "takes what study.answerReport gives" },
  "study.answersFolder": refusing((parts) => [study.answersFolder, missing(parts), { part: "test" }]),
  "study.answersOf": () => [study.answersOf, whole({ labels: [0], probabilities: [0.5, 0.5], classes: 2 })],
  "study.augmentedPictures": loosely((parts) => [
    study.augmentedPictures,
    whole({ ...small(), bs: 2, dtype: "f32" as const, transforms: whole({}) }),
    whole(setOf(parts)),
    { count: 2, epoch: 0 },
  ]),
  "study.compareRuns": refusing((parts) => [calling(study, "compareRuns"), [missing(parts), missing(parts)]]),
  "study.listRuns": refusing((parts) => [study.listRuns, missing(parts), { find: "a", state: "over", tag: "b" }]),
  "study.readRun": refusing((parts) => [study.readRun, missing(parts)]),
  // Never without a root of its own: it would remove the project's.
  "study.removableRuns": refusing((parts) => [
    calling(study, "removableRuns"),
    [missing(parts)],
    { root: `${parts.folder}/none` },
  ]),
  "study.removeRuns": refusing((parts) => [
    calling(study, "removeRuns"),
    [missing(parts)],
    { root: `${parts.folder}/none` },
  ]),
  "study.reportFolder": loosely((parts) => [calling(study, "reportFolder"), [missing(parts)], { root: parts.folder }]),
  "study.reportRuns": refusing((parts) => [calling(study, "reportRuns"), [missing(parts)], { count: 2, threads: 1 }]),
  "study.runSections": { none: "takes what study.readRun gives" },
  "study.tagRun": refusing((parts) => [study.tagRun, missing(parts), { add: ["a"], remove: ["b"] }]),
  "study.sweepRuns": refusing((parts) => [study.sweepRuns, missing(parts)]),
  "study.sweepSections": { none: "takes what study.sweep gives" },
  "study.unitOf": { none: "takes what study.sweep gives" },
  "study.holm": () => [study.holm, [0.1, 0.2]],
  "study.leaderboard": refusing((parts) => [calling(study, "leaderboard"), [missing(parts)]]),
  "study.lrFind": refusing((parts) => [study.lrFind, trainerOf(parts), batchesOf(parts), {
    startLr: 2,
    endLr: 1,
    steps: 20,
    diverge: 4,
    signal: new AbortController().signal,
    onStep: () => {},
  }]),
  "study.lrFindRecipe": refusing((parts) => [
    study.lrFindRecipe,
    whole(recipe.preset("mnist", { data: { name: missing(parts) } })),
    { startLr: 1e-7, endLr: 1, steps: 20, diverge: 4 },
  ]),
  "study.lrFindSections": { none: "takes what study.lrFind gives" },
  "study.mcnemar": () => [study.mcnemar, [true, false], [true, true]],
  "study.interactionSections": { none: "takes what study.shiftInteraction gives" },
  "study.measureShift": loosely((parts) => [
    study.measureShift,
    [{ label: "a", model: modelOf(parts) }],
    whole(setOf(parts)),
    {
      ...{
        kind: "circular",
        shifts: 1,
        images: 1,
        meanImages: 1,
        square: 0,
        mapImages: 1,
        pairs: 1,
        seed: 0,
        alpha: 0.1,
      },
      ...{ limit: 2, bs: 2 },
    },
  ]),
  "study.paired": loosely(() => [study.paired, { 1: 0.5, 2: 0.5 }, { 1: 0.5, 2: 0.75 }, {
    alpha: 0.05,
    seed: 0,
    resamples: 100,
    higherIsBetter: true,
  }]),
  "study.readShift": loosely((parts) => [study.readShift, missing(parts)]),
  "study.proportion": () => [study.proportion, 1, 2, { alpha: 0.05 }],
  "study.publishedRows": alone,
  "study.shiftConsistency": { none: "as study.measureShift, which calls it" },
  "study.shiftCurve": { none: "as study.measureShift, which calls it" },
  "study.shiftFigure": { none: "takes what study.measureShift gives" },
  "study.shiftFile": refusing((parts) => [study.shiftFile, missing(parts)]),
  "study.shiftInteraction": loosely(() => [
    study.shiftInteraction,
    ["a", "b"].flatMap((model) =>
      ["max", "maxblur"].map((pool) => ({ model, pool, seed: 0, agreement: [1, 0], agreementDiagonal: [1, 0] }))
    ),
    { model: "a", pools: ["max", "maxblur"], measure: "consistency", alpha: 0.05, seed: 0 },
  ]),
  "study.shiftMargin": loosely(() => [study.shiftMargin, 128]),
  "study.shiftRuns": refusing((parts) => [calling(study, "shiftRuns"), [missing(parts)], {}]),
  "study.shiftSections": { none: "takes what study.measureShift and study.shiftRuns give" },
  "study.shiftSvg": { none: "takes what study.shiftFigure gives" },
  "study.studyAnswers": { none: "takes a run that recipe.open opens, and refuses others by their type" },
  "study.summary": () => [study.summary, [0.5, 0.75], { alpha: 0.05, seed: 0, resamples: 100 }],
  // A cell is a number, text, true or false.
  "study.writePage": also(["string", "boolean"], (parts) => [
    study.writePage,
    smallPage(),
    `${parts.folder}/page-${crypto.randomUUID()}`,
  ]),
  "study.writeLrFind": { none: "takes what study.lrFindRecipe gives" },
  "study.writeAnswers": { none: "takes what study.studyAnswers gives" },
  "serve.Server": { none: "serve.startServer makes them" },
  "serve.Server.handle": { none: "takes a Request" },
  "serve.Server.drain": alone,
  "serve.ServeError": error,
  "serve.StoreError": error,
  "serve.startServer": { none: "opens a port: tests/lib/serve/server_test.ts has what it refuses" },
  "serve.Batcher": { none: "takes what recipe.open gives" },
  "serve.Batcher.predict": { none: "of what takes what recipe.open gives" },
  "serve.QueueFullError": error,
  "serve.addToken": loosely((parts) => [serve.addToken, `${parts.folder}/tokens`, `a${crypto.randomUUID()}`]),
  "serve.removeToken": loosely((parts) => [serve.removeToken, `${parts.folder}/tokens`, "a"]),
  "serve.tokenNames": loosely((parts) => [serve.tokenNames, `${parts.folder}/tokens`]),
  "serve.JobError": error,
  "serve.JobChangedError": error,
  "serve.JobLockedError": error,
  "serve.checkJob": loosely(() => [serve.checkJob, { name: "a", preset: "mnist" }]),
  "serve.jobRecipe": loosely(() => [serve.jobRecipe, { name: "a", preset: "mnist" }]),
  "serve.jobOutput": loosely(() => [serve.jobOutput, { name: "a", preset: "mnist", output: "runs/a" }]),
  "serve.jobSchema": alone,
  "serve.parseJob": loosely(() => [serve.parseJob, "{}"]),
  "serve.runJob": refusing((parts) => [
    serve.runJob,
    whole({
      name: "a",
      preset: "mnist",
      recipe: { data: { name: missing(parts) } },
      output: `${parts.folder}/${crypto.randomUUID()}`,
    }),
    { signal: AbortSignal.abort(), onEvent: () => {}, now: Date.now, force: false },
  ]),
};
