import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join, relative } from "@std/path";
import { study } from "../../mod.ts";
import { studyOf } from "../../lib/cli/studies.ts";
import { experimentsPage, proxy } from "../../tools/generate/experiments.ts";
import { writeRecords } from "../lib/study/sweep/records.ts";
import { tempFolder } from "../temp_folder.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

Deno.test("experiments: a part of the page is its study's plan and what committed results come to; all else stays", async () => {
  using folder = tempFolder();
  const plan = study.planOf(await studyOf("label-smoothing"), { changes: proxy });
  const own = join(folder.path, "label-smoothing");
  await writeRecords(own, plan, { entry: [32, 33, 34, 33, 32, 34], hard: [30, 31, 31, 31, 30, 32] });
  await Deno.mkdir(join(own, "figures"));
  await Deno.writeTextFile(join(own, "figures", "label-smoothing-arms.svg"), "<svg/>");
  const before = "# Page\n\nBefore\n\n<!-- sweep label-smoothing -->\nold\n<!-- end -->\n\nBetween\n\n" +
    "<!-- sweep blurpool -->\n<!-- end -->\n\n<!-- verdicts -->\n<!-- end -->\n\nAfter\n";
  const results = relative(root, folder.path);
  const page = await experimentsPage(before, results);
  for (
    const text of [
      "# Page\n\nBefore\n\n<!-- sweep label-smoothing -->\n",
      "**Claim**: Label smoothing of 0.1 raises top-1.",
      "**The comparison that decides**: entry against hard.",
      "- entry: the entry on the proxy\n- hard: `--label-smoothing 0`\n",
      "12 runs of commit 0123456789ab on a processor (avx2, 1 threads); 20 s of training each on average.",
      "- primary: entry against hard: holds here: better by 5.42",
      `![label-smoothing: arms](../${results}/label-smoothing/figures/label-smoothing-arms.svg)`,
      "<!-- end -->\n\nBetween\n\n<!-- sweep blurpool -->",
      "Not measured yet.",
      "| Label smoothing of 0.1 raises top-1 | entry against hard | holds here | +5.42 (+5.00 to +7.50) | 0.031 of 6 seeds |",
      "| A blur after each max pool raises top-1 |  | not measured yet |  |  |",
      "<!-- end -->\n\nAfter\n",
    ]
  ) assertStringIncludes(page, text);
  assertMatch(
    page,
    /\| entry against hard \| primary \| holds here \| 6 \| \+5\.42 \| \+5\.00 to \+7\.50 \| 0\.031 \|/,
  );
  assertEquals(await experimentsPage(page, results), page, "made again it is the same");
});
