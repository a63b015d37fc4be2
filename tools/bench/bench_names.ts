/** What `deno task bench` measures, a file of this folder each. */
export const benchNames = ["step", "ops", "shapes", "infer", "serve", "job", "scale", "decode", "peers"] as const;
