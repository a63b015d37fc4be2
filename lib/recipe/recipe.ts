/** A training as plain JSON: data, network, optimizer and everything else that decides what it comes to. */
import type { DataSource } from "../data/dataset.ts";
import type { TargetKind } from "../data/targets.ts";
import type { Json, JsonOptions } from "../registry/registry.ts";

/** Something by its registered name, with its own options beside it. */
export interface Named {
  /** Under which it is registered. */
  readonly name: string;
  /** An option of what the name stands for. */
  readonly [option: string]: Json | undefined;
}

/** What a network computes in. */
export type ComputeDtype = "f32" | "bf16" | "f64";

/** Which data. */
export interface DataRecipe extends Named {
  /** A registered data set, a set known by name, a folder with train/ and val/, or an archive of one. */
  readonly name: string;
  /** Only so many images of each part; null for all. */
  readonly limit: number | null;
  /** What the cache keeps of training images, see data.open; null for `source` with the crop `resized`, else `size`. */
  readonly keep: "size" | "source" | null;
  /** Share of the images set aside to measure with, where there is no folder for them; null or not set for none. */
  readonly split?: number | null;
  /** Whether images of a class may lie in folders of its folder; false where it is not set. */
  readonly nested?: boolean;
  /** How many images of each part may not be readable, say "10" or "2%"; null or not set for 1 %. */
  readonly maxUnreadable?: string | null;
  /** Percent of wrong labels to train with, by the data set's table of them; null or not set for its true labels. */
  readonly noise?: number | null;
}

/** How the learning rate moves. */
export interface ScheduleRecipe extends Named {
  /** The highest learning rate. */
  readonly lr: number;
}

/** Mean and standard deviation of each channel, as options of a recipe. */
export type NormalizeRecipe = "imagenet" | "mnist" | {
  /** One number a channel. */
  readonly mean: readonly number[];
  /** One number a channel. */
  readonly std: readonly number[];
};

/** What batches go through; further keys are registered batch transforms with their options. */
export interface TransformsRecipe {
  /** Probability of mirroring a training image. */
  readonly flip?: number;
  /** Pixels by which a training image is moved at most; for images in arrays. */
  readonly shift?: number;
  /** Which square of a training image is taken; for image files. */
  readonly crop?: "centre" | "random" | "resized";
  /** The smallest share of an image's area that the crop `resized` takes. */
  readonly minScale?: number;
  /** Probability of boxes of noise over a training image; for image files. */
  readonly erase?: number;
  /** How many boxes at most. */
  readonly eraseCount?: number;
  /** Mean and standard deviation that pixels are normalised by, in training and whenever the model is used. */
  readonly normalize?: NormalizeRecipe | null;
  /** A registered transform's options; null for none. */
  readonly [transform: string]: Json | undefined;
}

/** Weights to begin with, and how what was taken is trained: fine-tuning. */
export interface WeightsRecipe {
  /**
   * Where they are: a run's folder, a checkpoint, a file of `saveWeights`, or a safetensors file of fastai's state dict; null
   * for none.
   */
  readonly from?: string | null;
  /** Parts of the network that keep their initial weights, joined by commas, say `head`; null for none. */
  readonly except?: string | null;
  /** Epochs at the beginning in which what was taken is not trained; by default 0. */
  readonly freeze?: number;
  /** Multiplies the learning rate of what was taken; by default 1. */
  readonly lrScale?: number;
}

/** A training as data: with the same recipe, device, build and data it gives the same bits. */
export interface Recipe {
  /** The preset that it began from, which names its run; null for none. */
  readonly preset: string | null;
  /** Which data. */
  readonly data: DataRecipe;
  /** Height and width of the images; null where the data have one size. */
  readonly size: number | null;
  /** The network. */
  readonly model: Named;
  /** Weights to begin with; not set where all are drawn from the seed. */
  readonly weights?: WeightsRecipe;
  /** The optimizer. */
  readonly optimizer: Named;
  /** The learning rate over the whole training. */
  readonly schedule: ScheduleRecipe;
  /** What is made small. */
  readonly loss: Named;
  /** What batches go through. */
  readonly transforms: TransformsRecipe;
  /** Times through the training data. */
  readonly epochs: number;
  /** Images a batch: a step, unless `accumulate` takes several. */
  readonly bs: number;
  /** Images at a time when measuring. */
  readonly validBs: number;
  /** The largest norm that all gradients have together; null for any. */
  readonly clipNorm: number | null;
  /** Batches for each step of the optimizer. */
  readonly accumulate: number;
  /** The names of what is measured beside the loss. */
  readonly metrics: readonly string[];
  /** Decay of an average of the weights; null for none. */
  readonly ema: number | null;
  /** Weights, order and augmentation follow from it. */
  readonly seed: number;
  /** What the network computes in; `auto` takes f32 or bf16, whichever is faster on the device. */
  readonly dtype: ComputeDtype | "auto";
  /** Where to train. */
  readonly device: "auto" | "cpu" | "cuda";
  /** CPU threads; null for LIBTRAIN_THREADS or all. */
  readonly threads: number | null;
  /** Whether each step is recorded once and replayed. */
  readonly capture: boolean;
}

/** What to change of a recipe; what is left out, or undefined, stays. */
export interface RecipeChanges {
  /** The preset's name: only kept, as {@linkcode preset} reads it. */
  readonly preset?: string | null;
  /** Of the data; another name keeps `limit` and `keep`, and of image files how they are read. */
  readonly data?: { readonly [Key in keyof DataRecipe]?: DataRecipe[Key] };
  /** Height and width of the images. */
  readonly size?: number | null;
  /** Of the network; another name keeps the options that both have. */
  readonly model?: JsonOptions;
  /** Of the weights to begin with. */
  readonly weights?: WeightsRecipe;
  /** Of the optimizer; another name keeps the settings that both have. */
  readonly optimizer?: JsonOptions;
  /** Of the schedule; another name keeps `lr` alone. */
  readonly schedule?: JsonOptions;
  /** Of the loss; another name keeps the options that both have. */
  readonly loss?: JsonOptions;
  /** Of the transforms, one by one; null takes a registered one away. */
  readonly transforms?: { readonly [Key in keyof TransformsRecipe]?: TransformsRecipe[Key] };
  /** Times through the training data. */
  readonly epochs?: number;
  /** Images a step. */
  readonly bs?: number;
  /** Images at a time when measuring. */
  readonly validBs?: number;
  /** The largest norm that all gradients have together. */
  readonly clipNorm?: number | null;
  /** Batches for each step of the optimizer. */
  readonly accumulate?: number;
  /** The names of what is measured beside the loss. */
  readonly metrics?: readonly string[];
  /** Decay of an average of the weights. */
  readonly ema?: number | null;
  /** Weights, order and augmentation follow from it. */
  readonly seed?: number;
  /** What the network computes in. */
  readonly dtype?: Recipe["dtype"];
  /** Where to train. */
  readonly device?: Recipe["device"];
  /** CPU threads. */
  readonly threads?: number | null;
  /** Whether each step is recorded once and replayed. */
  readonly capture?: boolean;
  /** Multiplies the preset's learning rate, or the one given, by `bs` over the preset's `bs`. */
  readonly scaleLr?: boolean;
}

/** A run's `config.json`, which each of its checkpoints holds too: its recipe, and what data, machine and code added. */
export interface RunConfig extends Recipe {
  /** What `auto` came to. */
  readonly dtype: ComputeDtype;
  /** What `auto` came to. */
  readonly device: "cpu" | "cuda";
  /** The classes' names. */
  readonly classes: readonly string[];
  /** What the images are to be answered with; not set for one class an image. */
  readonly targets?: TargetKind;
  /** [h, w, c] of the images. */
  readonly imageShape: readonly [number, number, number];
  /** Images to train on, and to measure with. */
  readonly samples: {
    /** To train on. */
    readonly train: number;
    /** To measure with. */
    readonly valid: number;
  };
  /** What the images were read from; null for arrays. */
  readonly source: DataSource | null;
  /** SHA-256 of the file of weights that it began with, in hex; not set where it began with none. */
  readonly weightsSha256?: string;
  /** The instruction set of the kernels: another one gives other bits. */
  readonly isa: string;
  /** The version of the code; null outside a git checkout. */
  readonly commit: string | null;
}
