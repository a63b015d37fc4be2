/**
 * Run folders: what a training leaves behind, and who trained it.
 *
 * @module
 */
export { RunFolderError } from "./folder_name.ts";
export { type CodeVersion } from "./code_version.ts";
export { type Row, RunFolder, type RunFolderOptions, type RunRecord } from "./run_folder.ts";
export { type NumberRow, type NumberTable } from "./run_logs.ts";
export { type Rows, type SavedRun } from "./saved_run.ts";
export { type Session } from "./session.ts";
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type {
  Checkpoint,
  CheckpointInfo,
  Checkpoints,
  Counters,
  SafeArrays,
  SafeDtype,
  SafeTensor,
  SamplerConfig,
  State,
} from "../checkpoint/mod.ts";
export type { BatchesConfig, CropKind, ImageDtype, Normalization } from "../data/mod.ts";
export type { LibtrainError } from "../tensor/mod.ts";
