/** What a model says of its weights for the exchange with fastai. */

/** One tensor of fastai's state dict, and where the model has it. */
export interface FastaiEntry {
  /** Its name there, say `4.0.convpath.0.0.weight`. */
  readonly name: string;
  /** Its shape there; convolution weights are [out, in / groups, kh, kw]. */
  readonly shape: readonly number[];
  /** Its path in the model's state; null for PyTorch's count of batches, which nothing here needs. */
  readonly path: string | null;
  /** Whether it is the weight of a convolution: [out, kh, kw, in / groups] in the model. */
  readonly convolution?: boolean;
  /** Whether it is a symmetric matrix: fastai has no `sym` that works, so its weight must be symmetric by itself. */
  readonly symmetric?: boolean;
}

/** A model that fastai has too, under names of its own. */
export interface FastaiNames {
  /** Every tensor of the state dict of fastai's model of the same options; throws a StateError where fastai has no such one. */
  fastaiEntries(): readonly FastaiEntry[];
}
