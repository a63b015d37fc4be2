/** SHA-256 of bytes, in hex. */
export async function sha256Of(bytes: BufferSource): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
