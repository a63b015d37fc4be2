/** What may be committed as a result. */

/** A part's JSON, as far as it is asked here. */
export interface CommittedResult {
  readonly part?: unknown;
  readonly kind?: unknown;
  readonly small?: unknown;
  readonly machine?: { readonly emulated?: unknown; readonly commit?: unknown; readonly dirty?: unknown };
}

/** Why a part's JSON is no result; undefined where it is one. */
export function refusalOf({ part, kind, small, machine }: CommittedResult): string | undefined {
  if (machine?.emulated !== false) return `${part} was made on the emulated driver`;
  if (kind !== "cuda") return `${part} was made on the CPU`;
  if (small !== false) return `${part} is a rehearsal at small sizes`;
  if (typeof machine.commit !== "string") return `${part} names no commit`;
  if (machine.dirty !== false) return `${part} was made by code that was changed since its commit`;
  return undefined;
}
