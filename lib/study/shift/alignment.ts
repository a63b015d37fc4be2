/** Which cell of a layer's map lies where once an image has moved. */

/**
 * How much of the image lies in cell j of a moved map where cell i of the unmoved one is to be compared with it: [cells, cells]
 * by j and i, adding up to 1.
 *
 * A map of `cells` is seen as one of `side` pixels, each of which has its cell's value. A pixel of the moved image shows what
 * lay `shift` pixels before it, on the other side beyond the edge where images are `circular`; else pixels whose origin was
 * not in view do not count.
 */
export function cellShares(
  { cells, side, shift, circular }: { cells: number; side: number; shift: number; circular: boolean },
): Float32Array<ArrayBuffer> {
  const shares = new Float32Array(cells * cells);
  const cellOf = (pixel: number): number => Math.floor(pixel * cells / side);
  const origins = Array.from({ length: side }, (_, pixel) => {
    const origin = pixel - shift;
    return circular ? ((origin % side) + side) % side : origin;
  });
  const seen = [...origins.entries()].filter(([, origin]) => origin >= 0 && origin < side);
  for (const [pixel, origin] of seen) shares[cellOf(pixel) * cells + cellOf(origin)]!++;
  return shares.map((count) => count / seen.length);
}
