/** What the methods of `Tensor` call. */
export { affine, clamp, neg, power, unary } from "./unary.ts";
export { add, div, equal, greater, maximum, minimum, mul, sub } from "./binary.ts";
export { argmax, broadcastTo, reduce } from "./reduce.ts";
export { cast, clone, narrow, reshape, slice, transpose } from "./shape.ts";
export { assertFinite, assign, fill, fullLike } from "./writing.ts";
export { matmul } from "./matmul.ts";
