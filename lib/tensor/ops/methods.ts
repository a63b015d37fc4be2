/** What the methods of `Tensor` call. */
export { affine, clamp, neg, power, unary } from "./unary.ts";
export { add, div, equal, greater, greaterEqual, less, lessEqual, maximum, minimum, mul, sub } from "./binary.ts";
export { argmax, broadcastTo, reduce } from "./reduce.ts";
export { cast, clone, narrow, reshape, slice, split, transpose } from "./shape.ts";
export { variance } from "./variance.ts";
export { assertFinite, assign, fill, fullLike } from "./writing.ts";
export { matmul } from "./matmul.ts";
