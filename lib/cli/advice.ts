/** What a command's user can do about an error of the library, which knows no flags. */

/** The fields of an error of a device; told by its name, as this room imports nothing of the library. */
interface DeviceRefusal extends Error {
  readonly op?: string;
  readonly reason: string;
  readonly instead: string;
}

function isDeviceRefusal(error: Error): error is DeviceRefusal {
  return error.name === "DeviceError" && typeof (error as Partial<DeviceRefusal>).instead === "string";
}

/** An error's message for a command line: where the library names another device, the flag that takes it. */
export function advised(error: Error): string {
  if (!isDeviceRefusal(error)) return error.message;
  const { op, reason, instead } = error;
  if (op === undefined) return `${reason}: use --device ${instead}, or run \`deno task doctor\``;
  return `${op}(): ${reason}: use --device ${instead}`;
}
