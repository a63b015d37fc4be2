/** What the server is asked. */
import { MessageReader } from "./event_stream.js";

const kept = "libtrain-token";

/** The token, which ends with the tab. */
export const token = {
  get() {
    return sessionStorage.getItem(kept) ?? "";
  },
  /** @param {string} value */
  set(value) {
    if (value === "") sessionStorage.removeItem(kept);
    else sessionStorage.setItem(kept, value);
  },
};

/** The server refuses something. */
export class AskError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @type {(message: string) => void} */
let onDenied = () => {};

/**
 * What to do where a token is missing or wrong.
 * @param {(message: string) => void} listener
 */
export function whenDenied(listener) {
  onDenied = listener;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{ body?: BodyInit, headers?: Record<string, string>, signal?: AbortSignal }} options
 * @returns {Promise<Response>}
 */
export async function request(method, path, { body, headers = {}, signal } = {}) {
  const value = token.get();
  /** @type {Record<string, string>} */
  const own = value === "" ? {} : { authorization: `Bearer ${value}` };
  let response;
  try {
    response = await fetch(path, { method, body, headers: { ...own, ...headers }, signal, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AskError(0, "The server does not answer");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  let message = typeof answer.error === "string" ? answer.error : `The server answers with ${response.status}`;
  if (response.status === 401) {
    if (value === "") message = "This server takes a token";
    onDenied(message);
  }
  throw new AskError(response.status, message);
}

/**
 * The JSON that the server answers with.
 * @param {string} method
 * @param {string} path
 * @param {{ json?: unknown, text?: string }} body
 */
export async function ask(method, path, { json, text = json === undefined ? undefined : JSON.stringify(json) } = {}) {
  /** @type {Record<string, string>} */
  const headers = text === undefined ? {} : { "content-type": "application/json" };
  return await (await request(method, path, { body: text, headers })).json();
}

/** Milliseconds without a byte after which a stream is taken for dead: the server sends a comment every 15 seconds. */
const silence = 40_000;

/** Milliseconds before the server is asked again. */
const pause = 1000;

/**
 * Follows a job's events until it rests or the signal aborts, over all that ends a connection: each comes once.
 * @param {string} id
 * @param {{
 *   signal: AbortSignal,
 *   onEvents: (events: any[]) => void,
 *   onEnd: () => void,
 *   onState: (connected: boolean) => void,
 * }} options
 */
export async function follow(id, { signal, onEvents, onEnd, onState }) {
  let last = 0;
  while (!signal.aborted) {
    const dead = new AbortController();
    const both = AbortSignal.any([signal, dead.signal]);
    let timer = setTimeout(() => dead.abort(), silence);
    try {
      /** @type {Record<string, string>} */
      const headers = last === 0 ? {} : { "last-event-id": `${last}` };
      const response = await request("GET", `/jobs/${id}/events`, { headers, signal: both });
      onState(true);
      if (response.status === 204 || response.body === null) return onEnd();
      const messages = new MessageReader();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(timer);
        timer = setTimeout(() => dead.abort(), silence);
        const found = messages.read(part.value);
        const events = found.filter((each) => each.id !== undefined).map(({ data }) => JSON.parse(data))
          .filter(({ n }) => n > last);
        if (events.length > 0) {
          last = events.at(-1).n;
          onEvents(events);
        }
        if (found.some(({ event }) => event === "end")) return onEnd();
      }
    } catch (error) {
      if (signal.aborted) return;
      // No job of this name any more, or no token: asking again would not help.
      if (error instanceof AskError && [400, 401, 403, 404].includes(error.status)) throw error;
      onState(false);
    } finally {
      clearTimeout(timer);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
