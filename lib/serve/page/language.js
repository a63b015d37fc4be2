// uPlot asks Intl for the reader's language as it loads. Chromium under the locale POSIX names one that Intl refuses.
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en" });
}
