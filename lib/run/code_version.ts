/** Which version of the code runs, read from the files of git without running it. */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** A version of the code. */
export interface CodeVersion {
  /** The checked-out commit, 40 hexadecimal digits; null outside a git checkout. */
  readonly commit: string | null;
  /** Whether a tracked file differs from the commit; null where that cannot be told from the files alone. */
  readonly dirty: boolean | null;
}

async function text(path: string): Promise<string | null> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch {
    return null;
  }
}

/** The folder of git's files, and the one that worktrees share. */
async function gitFolders(root: string): Promise<{ own: string; shared: string }> {
  const pointer = /^gitdir: (.*)$/.exec(await text(join(root, ".git")) ?? "")?.[1];
  const own = pointer === undefined ? join(root, ".git") : resolve(root, pointer);
  const common = await text(join(own, "commondir"));
  return { own, shared: common === null ? own : resolve(own, common) };
}

async function headCommit({ own, shared }: { own: string; shared: string }): Promise<string | null> {
  const head = await text(join(own, "HEAD"));
  const ref = /^ref: (.*)$/.exec(head ?? "")?.[1];
  if (ref === undefined) return head;
  const loose = await text(join(own, ref)) ?? await text(join(shared, ref));
  if (loose !== null) return loose;
  const packed = await text(join(shared, "packed-refs")) ?? "";
  return packed.split("\n").find((line) => line.endsWith(` ${ref}`))?.slice(0, 40) ?? null;
}

interface IndexEntry {
  path: string;
  seconds: number;
  nanoseconds: number;
  size: number;
  sha1: string;
}

/** The tracked files of an index of version 2 or 3, and the tree that it stands for, where that is noted. */
function parseIndex(bytes: Uint8Array<ArrayBuffer>): { entries: IndexEntry[]; tree: string | null } | null {
  const view = new DataView(bytes.buffer);
  const version = view.getUint32(4);
  if (view.getUint32(0) !== 0x44495243 || version < 2 || version > 3) return null;
  const decoder = new TextDecoder();
  const entries: IndexEntry[] = [];
  let at = 12;
  for (let count = view.getUint32(8); count > 0; count--) {
    const extended = (view.getUint16(at + 60) & 0x4000) !== 0;
    const name = at + (extended ? 64 : 62);
    const end = bytes.indexOf(0, name);
    const regular = view.getUint32(at + 24) >>> 12 === 0o10;
    if (regular) {
      entries.push({
        path: decoder.decode(bytes.subarray(name, end)),
        seconds: view.getUint32(at + 8),
        nanoseconds: view.getUint32(at + 12),
        size: view.getUint32(at + 36),
        sha1: bytes.subarray(at + 40, at + 60).toHex(),
      });
    }
    at += (end - at + 8) & ~7;
  }
  return { entries, tree: rootTree(bytes, view, at) };
}

/** The root of the index's extension TREE: a name of no letters, a count of files, of folders, and the tree's hash. */
function rootTree(bytes: Uint8Array<ArrayBuffer>, view: DataView, start: number): string | null {
  for (let at = start; at + 8 <= bytes.length - 20; at += 8 + view.getUint32(at + 4)) {
    if (view.getUint32(at) !== 0x54524545) continue;
    const line = bytes.indexOf(0x0a, at + 8);
    const counts = new TextDecoder().decode(bytes.subarray(at + 9, line));
    return counts.startsWith("-") ? null : bytes.subarray(line + 1, line + 21).toHex();
  }
  return null;
}

async function sameContent(root: string, entry: IndexEntry): Promise<boolean> {
  const path = join(root, entry.path);
  const { size, mtime } = await Deno.stat(path);
  if (size % 2 ** 32 !== entry.size) return false;
  const milliseconds = entry.seconds * 1000 + Math.floor(entry.nanoseconds / 1e6);
  if (mtime?.getTime() === milliseconds) return true;
  const content = await Deno.readFile(path);
  const head = new TextEncoder().encode(`blob ${content.length}\0`);
  const blob = new Uint8Array(head.length + content.length);
  blob.set(head);
  blob.set(content, head.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-1", blob)).toHex() === entry.sha1;
}

/** The tree of a commit that lies in a file of its own; null once git has packed it. */
async function treeOf(shared: string, commit: string): Promise<string | null> {
  const path = join(shared, "objects", commit.slice(0, 2), commit.slice(2));
  try {
    const packed = new Blob([await Deno.readFile(path)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return /\0tree ([0-9a-f]{40})\n/.exec(await new Response(packed).text())?.[1] ?? null;
  } catch {
    return null;
  }
}

async function isDirty(
  root: string,
  folders: { own: string; shared: string },
  commit: string,
): Promise<boolean | null> {
  const index = parseIndex(await Deno.readFile(join(folders.own, "index")));
  if (index === null) return null;
  for (const entry of index.entries) {
    if (!await sameContent(root, entry).catch(() => false)) return true;
  }
  const committed = await treeOf(folders.shared, commit);
  return committed === null || index.tree === null ? null : committed !== index.tree;
}

/**
 * The version of the code whose checkout is at `root`, by default this toolkit's own. Files that git does not track do not
 * count, as in `git describe --dirty`.
 */
export async function codeVersion(root: URL = new URL("../../", import.meta.url)): Promise<CodeVersion> {
  if (root.protocol !== "file:") return { commit: null, dirty: null };
  const path = fileURLToPath(root);
  const folders = await gitFolders(path);
  const commit = await headCommit(folders);
  if (commit === null || !/^[0-9a-f]{40}$/.test(commit)) return { commit: null, dirty: null };
  return { commit, dirty: await isDirty(path, folders, commit).catch(() => null) };
}
