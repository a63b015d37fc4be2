/**
 * Run folders: what a training leaves behind, and who trained it.
 *
 * @module
 */
export { type CodeVersion } from "./code_version.ts";
export { RunFolder, type RunFolderOptions, type RunRecord } from "./run_folder.ts";
export { type Session } from "./session.ts";
