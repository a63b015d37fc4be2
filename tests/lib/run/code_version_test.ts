import { assertEquals, assertMatch } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { dirname, join, toFileUrl } from "@std/path";
import { codeVersion } from "../../../lib/run/code_version.ts";
import { tempFolder } from "../../temp_folder.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
const tree = "fedcba9876543210fedcba9876543210fedcba98";

async function write(path: string, content: string | Uint8Array<ArrayBuffer>): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: hex.length / 2 }, (_, place) => parseInt(hex.slice(2 * place, 2 * place + 2), 16));
}

async function blobHash(content: string): Promise<string> {
  const blob = new TextEncoder().encode(`blob ${content.length}\0${content}`);
  return encodeHex(await crypto.subtle.digest("SHA-1", blob));
}

/** An index of version 2 with one file, whose time is no file's, and the tree it stands for. */
async function index(name: string, content: string, tree: string): Promise<Uint8Array<ArrayBuffer>> {
  const entry = new Uint8Array((62 + name.length + 8) & ~7);
  const view = new DataView(entry.buffer);
  view.setUint32(8, 1); // modified one second after 1970 began
  view.setUint32(24, 0o100644);
  view.setUint32(36, content.length);
  entry.set(bytes(await blobHash(content)), 40);
  view.setUint16(60, name.length);
  entry.set(new TextEncoder().encode(name), 62);
  const head = new Uint8Array(12);
  new DataView(head.buffer).setUint32(0, 0x44495243);
  new DataView(head.buffer).setUint32(4, 2);
  new DataView(head.buffer).setUint32(8, 1);
  const counts = new TextEncoder().encode("TREE\x00\x00\x00\x19\x001 0\n");
  return Uint8Array.from([...head, ...entry, ...counts, ...bytes(tree), ...new Uint8Array(20)]);
}

/** A commit as git stores it while it is not packed. */
async function looseCommit(tree: string): Promise<Uint8Array<ArrayBuffer>> {
  const text = `commit 60\0tree ${tree}\nauthor A <a@b.c> 0 +0000\n`;
  return new Uint8Array(
    await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer(),
  );
}

/** A checkout with one tracked file. */
async function checkout(root: string, files: Record<string, string | Uint8Array<ArrayBuffer>>): Promise<URL> {
  for (const [name, content] of Object.entries(files)) await write(join(root, name), content);
  return toFileUrl(`${root}/`);
}

const object = `.git/objects/${commit.slice(0, 2)}/${commit.slice(2)}`;

Deno.test("codeVersion: reads the commit of a branch, a packed branch, a detached head and a worktree", async () => {
  using folder = tempFolder();
  const at = (name: string): string => join(folder.path, name);
  const ref = "ref: refs/heads/main\n";
  const commits = [
    await checkout(at("loose"), { ".git/HEAD": ref, ".git/refs/heads/main": `${commit}\n` }),
    await checkout(at("packed"), {
      ".git/HEAD": ref,
      ".git/packed-refs": `# pack-refs\n${tree} refs/heads/other\n${commit} refs/heads/main\n`,
    }),
    await checkout(at("detached"), { ".git/HEAD": `${commit}\n` }),
    await checkout(at("tree"), { ".git": `gitdir: ${at("loose")}/.git/worktrees/tree\n` }),
  ];
  await checkout(at("loose"), { ".git/worktrees/tree/HEAD": ref, ".git/worktrees/tree/commondir": "../..\n" });
  for (const url of commits) assertEquals(await codeVersion(url), { commit, dirty: null }, url.href);
});

Deno.test("codeVersion: no checkout, or a remote one, has neither", async () => {
  using folder = tempFolder();
  assertEquals(await codeVersion(toFileUrl(`${folder.path}/`)), { commit: null, dirty: null });
  assertEquals(await codeVersion(new URL("https://example.com/")), { commit: null, dirty: null });
});

Deno.test("codeVersion: dirty says whether a file, or what is staged, differs from the commit", async () => {
  using folder = tempFolder();
  const root = folder.path;
  const url = await checkout(root, {
    ".git/HEAD": `${commit}\n`,
    ".git/index": await index("a.txt", "hello", tree),
    [object]: await looseCommit(tree),
    "a.txt": "hello",
  });
  const dirty = async (): Promise<boolean | null> => (await codeVersion(url)).dirty;
  assertEquals(await dirty(), false, "same content, whatever its time");
  await write(join(root, "a.txt"), "hallo");
  assertEquals(await dirty(), true, "other content of the same size");
  await write(join(root, "a.txt"), "hello!");
  assertEquals(await dirty(), true, "another size");
  await Deno.remove(join(root, "a.txt"));
  assertEquals(await dirty(), true, "gone");
  await write(join(root, "a.txt"), "hello");
  await write(join(root, object), await looseCommit(commit));
  assertEquals(await dirty(), true, "staged, not committed");
  await Deno.remove(join(root, object));
  assertEquals(await dirty(), null, "the commit is packed, so its tree is not known");
});

Deno.test("codeVersion: this checkout, where it is one", async () => {
  const { commit } = await codeVersion();
  if (commit !== null) assertMatch(commit, /^[0-9a-f]{40}$/);
});
