/** Pictures of whole pages. */
import { resolve, toFileUrl } from "@std/path";
import { writeFileAtomic } from "../../lib/io/atomic_file.ts";
import { Browser } from "./browser.ts";

/** How a page is looked at. */
export interface ScreenshotOptions {
  /** The browser's file. */
  readonly browser: string;
  /** Whether the reader prefers dark. */
  readonly dark?: boolean;
  /** Whether it is looked at as on paper. */
  readonly print?: boolean;
  /** Width of the window, pixels; by default 1100. */
  readonly width?: number;
}

/** A picture that was taken. */
export interface Screenshot {
  /** The picture's file. */
  readonly png: string;
  /** Pixels from left to right. */
  readonly width: number;
  /** Pixels from top to bottom. */
  readonly height: number;
  /** Pixels of the whole page from top to bottom: more than `height` where a picture cannot have all of them. */
  readonly pageHeight: number;
  /** What the page's console said of errors and warnings. */
  readonly complaints: readonly string[];
}

/** Pixels that Chromium draws from top to bottom, at most. */
const mostHeight = 16_384;

/** All that loads is there; of a page of this library, its charts are drawn. */
const ready = `document.readyState === "complete" && (document.documentElement.dataset.charts === "done" ||
  document.querySelector('meta[name="generator"][content="libtrain"]') === null || document.querySelector(".chart") === null)`;

/** Takes a picture of a whole page, which is a file. */
export async function screenshot(
  page: string,
  png: string,
  { browser: path, dark = false, print = false, width = 1100 }: ScreenshotOptions,
): Promise<Screenshot> {
  await using browser = await Browser.start(path);
  await browser.look({ width, scheme: dark ? "dark" : "light", media: print ? "print" : "" });
  await browser.open(toFileUrl(resolve(page)).href, ready);
  const { cssContentSize } = await browser.send("Page.getLayoutMetrics");
  const pageHeight = Math.ceil((cssContentSize as { height: number }).height);
  const height = Math.min(pageHeight, mostHeight);
  const clip = { x: 0, y: 0, width, height, scale: 1 };
  const { data } = await browser.send("Page.captureScreenshot", { format: "png", captureBeyondViewport: true, clip });
  await writeFileAtomic(png, [Uint8Array.fromBase64(data as string)]);
  return { png, width, height, pageHeight, complaints: browser.complaints };
}
