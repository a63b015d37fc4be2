/** Tells the library that a result buffer is longer than it is: a write behind its end, which AddressSanitizer has to find. */
const library = Deno.dlopen(Deno.env.get("LIBTRAIN_LIBRARY") ?? "", {
  lt_device_info: { parameters: ["buffer", "u32"], result: "i32" },
});
const out = new Uint32Array(16);
console.log(JSON.stringify({ status: library.symbols.lt_device_info(out, 1 << 16) }));
Deno.exit(0);
