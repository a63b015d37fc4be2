/** Server-sent events as a client that is no browser reads them. */

/** A message by its fields. */
export interface EventMessage {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
}

/** What a stream sends, message by message as each is whole. */
export async function* eventMessages(response: Response): AsyncGenerator<EventMessage> {
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const parts = text.split("\n\n");
    text = parts.pop()!;
    for (const part of parts) {
      const fields = part.split("\n").filter((line) => !line.startsWith(":")).map((line) => line.split(/: (.*)/s, 2));
      yield Object.fromEntries(fields);
    }
  }
}
