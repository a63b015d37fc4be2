/** A drive on which some files take no more bytes, for tests in one process. */

/** Has writes to files whose path fits fail as on a full drive, until it is disposed. */
export function fullDisk(fits: (path: string) => boolean): Disposable {
  const { open } = Deno;
  Deno.open = async (path, options): Promise<Deno.FsFile> => {
    const file = await open(path, options);
    const writes = options?.write === true || options?.append === true;
    if (writes && fits(String(path))) {
      file.write = (): Promise<number> =>
        Promise.reject(Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" }));
    }
    return file;
  };
  return { [Symbol.dispose]: (): void => void (Deno.open = open) };
}
