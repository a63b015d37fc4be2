import { assertEquals } from "@std/assert";
import { allJobs, longest, measuring, pickedJobs } from "../../tools/test_jobs.ts";

const files = {
  rust: ["core-rs/src/a.rs"],
  typescript: [
    "tests/examples/a_test.ts",
    "tests/lib/nn/a_test.ts",
    "tests/lib/nn/b_test.ts",
    "tests/lib/train/a_test.ts",
    "tests/lib/train/event_loop_test.ts",
  ],
  emulated: ["tests/emulated/a_test.ts", "tests/emulated/gpu_check_test.ts"],
  docs: ["mod.ts"],
};
Deno.test("jobs: the files and folders that are named are there", () => {
  const root = new URL("../../", import.meta.url);
  for (const path of [...measuring, ...longest]) Deno.statSync(new URL(path, root));
});

const none = { rust: [], typescript: [], emulated: [], docs: [] };

Deno.test("allJobs: each file once, cargo first, a process a folder, what measures time alone", () => {
  const jobs = allJobs(files);
  assertEquals(jobs[0]?.suite, "rust");
  const ran = jobs.flatMap((job) => job.files).toSorted();
  assertEquals(ran, Object.values(files).flat().toSorted());
  assertEquals(jobs.find(({ title }) => title === "tests/lib/nn")?.files, files.typescript.slice(1, 3));
  assertEquals(jobs.filter(({ alone }) => alone).map((job) => job.files), [["tests/lib/train/event_loop_test.ts"]]);
  assertEquals(jobs.filter(({ docs }) => docs).map((job) => job.files), [["mod.ts"]]);
  assertEquals(jobs.every(({ filter }) => filter === undefined), true);
});

Deno.test("allJobs: one suite", () => {
  assertEquals(allJobs(files, "rust").map(({ suite }) => suite), ["rust"]);
  assertEquals(new Set(allJobs(files, "typescript").map(({ suite }) => suite)), new Set(["typescript"]));
});

Deno.test("allJobs: what takes longest begins first, in a process of its own", () => {
  const jobs = allJobs(files, "emulated");
  assertEquals(jobs.map((job) => job.files), [["tests/emulated/gpu_check_test.ts"], ["tests/emulated/a_test.ts"]]);
});

Deno.test("pickedJobs: files by path whole, the others by name, and no suite without a file", () => {
  const whole = { ...none, typescript: ["tests/lib/nn/a_test.ts"] };
  const named = { ...none, rust: files.rust, typescript: ["tests/examples/a_test.ts", "tests/lib/nn/b_test.ts"] };
  const jobs = pickedJobs({ whole, named }, "word");
  assertEquals(jobs.map(({ suite, filter, files }) => ({ suite, filter, files })), [
    { suite: "rust", filter: "word", files: files.rust },
    { suite: "typescript", filter: "word", files: named.typescript },
    { suite: "typescript", filter: undefined, files: whole.typescript },
  ]);
  assertEquals(pickedJobs({ whole, named }, "word", "emulated"), []);
});
