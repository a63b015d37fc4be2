import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { data, Device, recipe, study, tensor } from "../../../../mod.ts";
import { picturesOf } from "../../../../lib/study/answers/pictures.ts";
import { train } from "../../../support/training.ts";
import { tempFolder } from "../../../temp_folder.ts";

Deno.test("studyAnswers: an MNIST run's answers are those that evaluate counts, with the pictures of the worst", async () => {
  using folder = tempFolder();
  const { run } = await train({ epochs: 1, limit: 512, bs: 32, threads: 1, out: folder.path });
  using trained = await recipe.open(run, { threads: 1 });
  const { evaluation, report, pictures, page } = await study.studyAnswers(trained, { top: 6, bins: 10 });
  assertEquals(evaluation, await trained.evaluate());
  assertEquals([report.n, report.accuracy.share], [evaluation.n, evaluation.top1]);
  assert(Math.abs(report.loss - evaluation.loss) < 1e-5);
  assertEquals(report.confusion.flat().reduce((sum, n) => sum + n, 0), 512);
  assertEquals(report.calibration.equalWidth.bins.length, 10);
  const losses = report.topLosses.map(({ loss }) => loss);
  assertEquals(losses, losses.toSorted((a, b) => b - a));
  assertEquals(pictures.length, 6);

  const { train: unused, valid } = await data.mnist({ limit: 512, device: trained.device });
  unused.dispose();
  using set = valid;
  for (const [at, { pixels, height, width, label, wrong }] of pictures.entries()) {
    const { sample, label: name, right } = report.topLosses[at]!;
    assertEquals([height, width, pixels.length, wrong], [28, 28, 28 * 28 * 3, !right]);
    assertMatch(label, new RegExp(`^${name}, (taken for \\d|answered rightly) \\(0\\.\\d\\d\\)$`));
    for await (const { images } of set.batches(512)) {
      const all = await images.data();
      const bytes = all.slice(sample * 784, (sample + 1) * 784).map((value) => Math.round(255 * value));
      assertEquals([...pixels], [...bytes].flatMap((byte) => [byte, byte, byte]));
    }
  }
  assertMatch(
    page.about,
    /^mnistNet of .* after 16 steps · 512 images of mnist \(valid\) · f32 on cpu · .* · \d{4}-\d\d-\d\d$/,
  );
  assertEquals(page.sections.length, 4);
  assertEquals(await study.answersFolder(run), join(run, "evaluation"));
  const state = join(run, "checkpoint", "state.safetensors");
  assertEquals(await study.answersFolder(state, { part: "test" }), join(run, "evaluation-test"));
  await assertRejects(() => study.answersFolder(join(run, "none")), recipe.RunNotFoundError, "Cannot find");
});

Deno.test("picturesOf: colours in their order, by the sample's number, whatever the set does with the order itself", async () => {
  using device = new Device("cpu", { threads: 1 });
  const bytes = Uint8Array.from({ length: 3 * 2 * 2 * 3 }, (_, at) => at * 7);
  using set = data.fromArrays({ images: bytes, labels: [0, 1, 0], imageShape: [2, 2, 3], classes: 2 }, {
    device,
    training: true,
  });
  const [last, first] = await picturesOf(set, [{ sample: 2, label: "last" }, {
    sample: 0,
    label: "first",
    wrong: true,
  }]);
  assertEquals([...last!.pixels], [...bytes.subarray(24)]);
  assertEquals([...first!.pixels], [...bytes.subarray(0, 12)]);
  assertEquals([last!.label, first!.wrong], ["last", true]);
});

Deno.test("studyAnswers: values that are no classes, and what is no run, are refused", async () => {
  await assertRejects(
    () => study.studyAnswers({} as recipe.Trained),
    TypeError,
    "Expected `trained` as recipe.open() gives it",
  );
  using values = tensor([1]);
  await assertRejects(() => study.studyAnswers(values as unknown as recipe.Trained), TypeError, "as recipe.open()");
});
