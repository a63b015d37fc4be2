/** Forty archives that mean harm, or are made by tools that mean none. */
import { archive, END, type Entry, entryBytes, joined, longName, pax, paxLine } from "./tar_maker.ts";
import { gzip } from "../../tests/support/tar.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** An archive by what is wrong with it. */
export interface Hostile {
  readonly name: string;
  readonly bytes: Bytes;
}

/** Zeros as gzip has them, `mib` MiB of them: some hundred times smaller. */
export async function zerosGzipped(mib: number, before: Bytes = new Uint8Array()): Promise<Bytes> {
  const piece = new Uint8Array(1 << 20);
  let left = mib;
  const zeros = new ReadableStream<Bytes>({
    start: (controller): void => before.length > 0 ? controller.enqueue(before) : undefined,
    pull: (controller): void => left-- > 0 ? controller.enqueue(piece) : controller.close(),
  });
  const bytes = await new Response(zeros.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
  return new Uint8Array(bytes);
}

/** A size that is negative, or beyond what 64 bits are for, as GNU writes numbers. */
function binarySize(first: number, rest: number): Bytes {
  return Uint8Array.from({ length: 12 }, (_, at) => at === 0 ? first : rest);
}

/** All of them; `image` is one that can be read, `mark` a name that nothing else has, for what is written outside. */
export async function hostileArchives(image: Bytes, mark: string): Promise<Hostile[]> {
  const file = (name: string | Bytes): Entry => ({ name, body: image });
  const good: readonly Entry[] = [
    file("set/train/cat/1.png"),
    file("set/train/dog/1.png"),
    file("set/val/cat/1.png"),
    file("set/val/dog/1.png"),
  ];
  const withGood = (...entries: Entry[]): Bytes => archive([...good, ...entries]);
  const link = (type: string, target: string, name = "set/train/cat/2.png"): Entry => ({ name, type, link: target });
  const deep = `${"set/train/cat/".repeat(1)}${"d/".repeat(2000)}x.png`;
  const long = "n".repeat(1 << 16);
  const body = (text: string): Bytes => new TextEncoder().encode(text);
  const all: [string, Bytes | Promise<Bytes>][] = [
    ["climbs by ..", withGood(file(`../../${mark}`))],
    ["climbs in the middle", withGood(file(`set/train/../../../../${mark}`))],
    ["climbs by ustar's prefix", withGood({ ...file(mark), prefix: "../../.." })],
    ["climbs by a pax path", withGood(pax(paxLine("path", `../../${mark}`)), file("set/train/cat/3.png"))],
    ["climbs by GNU's long name", withGood(longName(`../../${mark}`), file("x"))],
    ["an absolute path", withGood(file(`/tmp/${mark}`))],
    ["a path with backslashes", withGood(file(`set\\..\\..\\${mark}`))],
    ["a drive's letter", withGood(file(`C:${mark}`))],
    ["a symbolic link outside", withGood(link("2", "/etc/passwd"))],
    [
      "a symbolic link to a folder, and a file in it",
      withGood(link("2", "/tmp", "set/train/out"), file(`set/train/out/${mark}`)),
    ],
    ["a hard link outside", withGood(link("1", "/etc/passwd"))],
    ["a hard link to itself", withGood(link("1", "set/train/cat/2.png"))],
    [
      "a circle of links",
      withGood(link("2", "b.png", "set/train/cat/a.png"), link("2", "a.png", "set/train/cat/b.png")),
    ],
    ["a character device", withGood(link("3", "", "set/train/cat/null.png"))],
    ["a block device", withGood(link("4", "", "set/train/cat/sda.png"))],
    ["a pipe", withGood(link("6", "", "set/train/cat/pipe.png"))],
    ["a kind that is none", withGood({ ...file("set/train/cat/k.png"), type: "Z" })],
    ["a GNU sparse file", withGood({ ...file("set/train/cat/s.png"), type: "S" })],
    ["a pax sparse file", withGood(pax(paxLine("GNU.sparse.size", "99999999999")), file("set/train/cat/s.png"))],
    [
      "a size of 2^33 bytes",
      archive([...good, { name: "set/train/cat/b.png", size: "77777777777\0" }], new Uint8Array()),
    ],
    ["a negative size", withGood({ ...file("set/train/cat/n.png"), size: binarySize(0xff, 0xff) })],
    ["a size of 2^95", withGood({ ...file("set/train/cat/n.png"), size: binarySize(0x80, 0xff) })],
    ["a size that is no number", withGood({ ...file("set/train/cat/n.png"), size: "12x45678901" })],
    ["a pax size of 2^63", withGood(pax(paxLine("size", "9223372036854775808")), file("set/train/cat/n.png"))],
    ["a negative pax size", withGood(pax(paxLine("size", "-1")), file("set/train/cat/n.png"))],
    ["a pax line longer than its header", withGood(pax("99999 path=x\n"), file("set/train/cat/n.png"))],
    ["a pax line of length 0", withGood(pax("0 path=x\n"), file("set/train/cat/n.png"))],
    ["a pax header of 64 MiB", gzip(archive([{ ...pax(""), body: new Uint8Array(64 << 20) }, ...good]))],
    ["a global pax header with a path", withGood(pax(paxLine("path", `../${mark}`), "g"), file("set/train/cat/n.png"))],
    ["a name of 64 KiB", withGood(longName(long), file("x"))],
    ["a name of 32 MiB", gzip(archive([...good, { ...longName(""), body: new Uint8Array(32 << 20).fill(110) }]))],
    ["2,000 folders deep", withGood(longName(deep), file("x"))],
    ["a name of control characters", withGood(file(body("set/train/cat/\x1b[2J\x07\n.png")))],
    ["a name that is not UTF-8", withGood(file(Uint8Array.from([...body("set/train/caf"), 0xe9, ...body("/x.png")])))],
    ["a folder with contents", withGood({ ...file("set/train/cat/"), type: "5" })],
    ["a wrong sum", withGood({ ...file("set/train/cat/w.png"), sumOff: 1 })],
    ["no end", archive(good, new Uint8Array())],
    [
      "200,000 empty entries",
      gzip(joined([
        ...Array.from(
          { length: 200 },
          () => joined(Array.from({ length: 1000 }, (_, at) => entryBytes({ name: `set/train/cat/${at}.txt` }))),
        ),
        END,
      ])),
    ],
    ["256 MiB of zeros in a quarter of one", zerosGzipped(256, archive(good, new Uint8Array()))],
    [
      "a file of 128 MiB of zeros",
      zerosGzipped(
        128,
        joined([archive(good, new Uint8Array()), entryBytes({ name: "set/train/cat/z.png", size: 128 << 20 })]),
      ),
    ],
  ];
  return await Promise.all(all.map(async ([name, bytes]) => ({ name, bytes: await bytes })));
}
