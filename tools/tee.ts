/** Passes a stream on as it comes, and gives the whole of it at the end. */
export async function tee(stream: ReadableStream<Uint8Array>, show: (text: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  for await (const bytes of stream) {
    const text = decoder.decode(bytes, { stream: true });
    show(text);
    all += text;
  }
  return all;
}
