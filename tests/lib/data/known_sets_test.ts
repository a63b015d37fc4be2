import { assertEquals } from "@std/assert";
import { data } from "../../../mod.ts";

Deno.test("knownSets: six names with their addresses, and the sums that torchvision has", () => {
  assertEquals(data.knownSets.map(({ name, url }) => [name, url]), [
    ["imagenette2", "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2.tgz"],
    ["imagenette2-320", "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz"],
    ["imagenette2-160", "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz"],
    ["imagewoof2", "https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2.tgz"],
    ["imagewoof2-320", "https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2-320.tgz"],
    ["imagewoof2-160", "https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2-160.tgz"],
  ]);
  assertEquals(data.knownSets.map(({ md5 }) => md5), [
    "fe2fc210e6bb7c5664d602c3cd71e612",
    "3df6f0d01a2c9592104656642f5e78a3",
    "e793b78cc4c9e9a4ccc0c1155377a412",
    null,
    null,
    null,
  ]);
  assertEquals([data.knownSet("imagenette2-160")?.name, data.knownSet("imagenette")], ["imagenette2-160", undefined]);
});

Deno.test("classNames: WordNet's numbers become words where all are known, else folders keep their names", () => {
  assertEquals(data.classNames(["n01440764", "n03394916", "n02115641"]), ["tench", "French horn", "dingo"]);
  assertEquals(data.classNames(["n01440764", "cat"]), ["n01440764", "cat"]);
  assertEquals(data.classNames(["n00000000"]), ["n00000000"]);
  assertEquals(data.classNames(["constructor"]), ["constructor"]);
});
