/** Server-sent events out of a stream of text (https://html.spec.whatwg.org/multipage/server-sent-events.html). */

/**
 * A message.
 * @typedef {{ id: string | undefined, event: string, data: string }} Message
 */

/** Takes text in pieces, and gives the messages that are whole. */
export class MessageReader {
  #text = "";

  /**
   * The messages that end with this piece.
   * @param {string} piece
   * @returns {Message[]}
   */
  read(piece) {
    this.#text += piece;
    const parts = this.#text.split("\n\n");
    this.#text = parts.pop() ?? "";
    return parts.flatMap((part) => {
      /** @type {Message} */
      const message = { id: undefined, event: "message", data: "" };
      const data = [];
      for (const line of part.split("\n")) {
        const [, name, value] = /^([^:]*): ?(.*)$/.exec(line) ?? [undefined, line, ""];
        if (name === "id") message.id = value;
        if (name === "event") message.event = value;
        if (name === "data") data.push(value);
      }
      return data.length === 0 ? [] : [{ ...message, data: data.join("\n") }];
    });
  }
}
