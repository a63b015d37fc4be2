/** On what, and of which code, a result was measured. */
import { resolve, toFileUrl } from "@std/path";
import { deviceInfo, recipe } from "../../mod.ts";
import { codeVersion } from "../../lib/run/code_version.ts";

/** Facts that a figure means nothing without. */
export interface Origin {
  readonly date: string;
  readonly commit: string | null;
  /** Whether files differ from the commit; null where that cannot be told. */
  readonly dirty: boolean | null;
  readonly cpu: string;
  readonly isa: string;
  readonly cores: number;
}

/** The commit of another checkout; null where its folder is none. */
export async function commitOf(folder: string): Promise<string | null> {
  return (await codeVersion(toFileUrl(`${resolve(folder)}/`))).commit;
}

/** Looks; `isa` where the processes that were measured were kept to one. */
export async function originOf(isa?: string): Promise<Origin> {
  const { commit, dirty } = await codeVersion();
  const facts = recipe.cpuFacts();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit,
    dirty,
    cpu: facts.model,
    isa: isa ?? facts.isa,
    cores: deviceInfo().cpu.cores,
  };
}
