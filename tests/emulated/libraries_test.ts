/** The emulated cuDNN and cuBLASLt compute what they are asked for, and keep their callers to the rules. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { cuda, made, Out, Session } from "./driver.ts";
import { emulator } from "./emulator.ts";

/** How cuDNN's convolution and both of its gradients are called. */
const computes = {
  parameters: ["u64", "buffer", "u64", "u64", "u64", "u64", "u64", "i32", "u64", "usize", "buffer", "u64", "u64"],
  result: "i32",
} as const;

const { symbols: libraries } = Deno.dlopen(join(Deno.env.get("LIBTRAIN_EMULATED") ?? "", "libcuda.so"), {
  cudnnDestroy: { parameters: ["u64"], result: "i32" },
  cudnnDestroyTensorDescriptor: { parameters: ["u64"], result: "i32" },
  cudnnDestroyFilterDescriptor: { parameters: ["u64"], result: "i32" },
  cudnnDestroyConvolutionDescriptor: { parameters: ["u64"], result: "i32" },
  cublasLtDestroy: { parameters: ["u64"], result: "i32" },
  cublasLtMatmulDescDestroy: { parameters: ["u64"], result: "i32" },
  cublasLtMatrixLayoutDestroy: { parameters: ["u64"], result: "i32" },
  cudnnCreate: { parameters: ["buffer"], result: "i32" },
  cudnnSetStream: { parameters: ["u64", "u64"], result: "i32" },
  cudnnCreateTensorDescriptor: { parameters: ["buffer"], result: "i32" },
  cudnnCreateFilterDescriptor: { parameters: ["buffer"], result: "i32" },
  cudnnCreateConvolutionDescriptor: { parameters: ["buffer"], result: "i32" },
  cudnnSetTensor4dDescriptor: { parameters: ["u64", "i32", "i32", "i32", "i32", "i32", "i32"], result: "i32" },
  cudnnSetFilter4dDescriptor: { parameters: ["u64", "i32", "i32", "i32", "i32", "i32", "i32"], result: "i32" },
  cudnnSetConvolution2dDescriptor: {
    parameters: ["u64", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    result: "i32",
  },
  cudnnSetConvolutionGroupCount: { parameters: ["u64", "i32"], result: "i32" },
  cudnnGetConvolutionForwardWorkspaceSize: {
    parameters: ["u64", "u64", "u64", "u64", "u64", "i32", "buffer"],
    result: "i32",
  },
  cudnnFindConvolutionForwardAlgorithmEx: {
    parameters: ["u64", "u64", "u64", "u64", "u64", "u64", "u64", "u64", "i32", "buffer", "buffer", "u64", "usize"],
    result: "i32",
  },
  cudnnConvolutionForward: computes,
  cudnnConvolutionBackwardData: computes,
  cudnnConvolutionBackwardFilter: computes,
  cublasLtCreate: { parameters: ["buffer"], result: "i32" },
  cublasLtMatmulDescCreate: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  cublasLtMatmulDescSetAttribute: { parameters: ["u64", "i32", "buffer", "usize"], result: "i32" },
  cublasLtMatrixLayoutCreate: { parameters: ["buffer", "i32", "u64", "u64", "i64"], result: "i32" },
  cublasLtMatrixLayoutSetAttribute: { parameters: ["u64", "i32", "buffer", "usize"], result: "i32" },
  cublasLtMatmul: {
    parameters: [
      ...["u64", "u64", "buffer", "u64", "u64", "u64", "u64", "buffer", "u64", "u64", "u64", "u64", "u64", "u64"],
      ...["usize", "u64"],
    ] as const,
    result: "i32",
  },
});

const OK = 0, BAD_PARAM = 2000, NOT_SUPPORTED = 3000, EXECUTION_FAILED = 5000;
const [ONE, ZERO, TWO] = [1, 0, 2].map((value) => new Uint8Array(Float32Array.of(value).buffer)) as [
  Uint8Array<ArrayBuffer>,
  Uint8Array<ArrayBuffer>,
  Uint8Array<ArrayBuffer>,
];

/** Small whole numbers, whose products and sums f32 holds exactly. */
function numbers(count: number, step: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => (i * step) % 7 - 3);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}

/** 2 images of 5 x 4 with 4 channels in 2 groups; 6 filters of 3 x 2, stride 2 along the rows, padded by 1: 3 x 5. */
function convolution(session: Session): { handle: bigint; x: bigint; w: bigint; y: bigint; how: bigint } {
  const handle = own(libraries.cudnnCreate, libraries.cudnnDestroy);
  const x = own(libraries.cudnnCreateTensorDescriptor, libraries.cudnnDestroyTensorDescriptor);
  const y = own(libraries.cudnnCreateTensorDescriptor, libraries.cudnnDestroyTensorDescriptor);
  const w = own(libraries.cudnnCreateFilterDescriptor, libraries.cudnnDestroyFilterDescriptor);
  const how = own(libraries.cudnnCreateConvolutionDescriptor, libraries.cudnnDestroyConvolutionDescriptor);
  assertEquals(libraries.cudnnSetStream(handle, session.stream), OK);
  assertEquals(libraries.cudnnSetTensor4dDescriptor(x, 1, 0, 2, 4, 5, 4), OK);
  assertEquals(libraries.cudnnSetTensor4dDescriptor(y, 1, 0, 2, 6, 3, 5), OK);
  assertEquals(libraries.cudnnSetFilter4dDescriptor(w, 0, 1, 6, 2, 3, 2), OK);
  assertEquals(libraries.cudnnSetConvolution2dDescriptor(how, 1, 1, 2, 1, 1, 1, 1, 0), OK);
  assertEquals(libraries.cudnnSetConvolutionGroupCount(how, 2), OK);
  return { handle, x, w, y, how };
}

/** The value of an output by the definition: NHWC images, KRSC filters. */
function output(x: Float32Array, w: Float32Array, n: number, oh: number, ow: number, k: number): number {
  let sum = 0;
  for (let r = 0; r < 3; r++) {
    for (let s = 0; s < 2; s++) {
      const [ih, iw] = [2 * oh - 1 + r, ow - 1 + s];
      if (ih < 0 || ih >= 5 || iw < 0 || iw >= 4) continue;
      for (let c = 0; c < 2; c++) {
        const channel = 2 * Math.floor(k / 3) + c;
        sum += x[((n * 5 + ih) * 4 + iw) * 4 + channel]! * w[((k * 3 + r) * 2 + s) * 2 + c]!;
      }
    }
  }
  return sum;
}

/** What the test under way has to destroy. */
const owned: (() => void)[] = [];

function own(create: (out: Uint8Array<ArrayBuffer>) => number, destroy: (handle: bigint) => number): bigint {
  const handle = made(create);
  owned.push(() => assertEquals(destroy(handle), OK));
  return handle;
}

function test(name: string, body: (session: Session) => void): void {
  Deno.test(`emulated libraries: ${name}`, () => {
    emulator.reset();
    try {
      using session = new Session();
      body(session);
      for (const destroy of owned.splice(0)) destroy();
    } finally {
      emulator.reset();
    }
  });
}

test("cuDNN's convolution, and its gradients as its adjoints", (session) => {
  const shapes = convolution(session);
  const { handle, how } = shapes;
  const [x, w, dy] = [numbers(160, 3), numbers(72, 5), numbers(180, 2)];
  const [atX, atW, atDy] = [session.upload(x), session.upload(w), session.upload(dy)];
  const [atY, atDx, atDw] = [session.floats(180), session.floats(160), session.floats(72)];
  const forward = (beta: Uint8Array<ArrayBuffer>): number =>
    libraries
      .cudnnConvolutionForward(handle, ONE, shapes.x, atX, shapes.w, atW, how, 0, 0n, 0n, beta, shapes.y, atY);
  assertEquals(forward(ZERO), OK);
  assertEquals(
    libraries
      .cudnnConvolutionBackwardData(handle, ONE, shapes.w, atW, shapes.y, atDy, how, 0, 0n, 0n, ZERO, shapes.x, atDx),
    OK,
  );
  assertEquals(
    libraries
      .cudnnConvolutionBackwardFilter(handle, ONE, shapes.x, atX, shapes.y, atDy, how, 0, 0n, 0n, ZERO, shapes.w, atDw),
    OK,
  );
  const [y, dx, dw] = [180, 160, 72].map((count) => new Float32Array(count)) as [
    Float32Array<ArrayBuffer>,
    Float32Array<ArrayBuffer>,
    Float32Array<ArrayBuffer>,
  ];
  assertEquals(session.download(atY, y), OK);
  assertEquals(session.download(atDx, dx), OK);
  assertEquals(session.download(atDw, dw), OK);
  const expected = Float32Array.from(
    y,
    (_, i) => output(x, w, Math.floor(i / 90), Math.floor(i / 30) % 3, Math.floor(i / 6) % 5, i % 6),
  );
  assertEquals(y, expected);
  assertAlmostEquals(dot(dx, x), dot(dy, y), 1e-2);
  assertAlmostEquals(dot(dw, w), dot(dy, y), 1e-2);
  // What is there counts with beta.
  assertEquals(forward(TWO), OK);
  assertEquals(session.download(atY, y), OK);
  assertEquals(y, expected.map((value) => 3 * value));
  assertEquals(emulator.launchesByName(), { cudnn_forward: 2, cudnn_backward_data: 1, cudnn_backward_filter: 1 });
});

test("cuDNN's algorithms: workspace, determinism, search, capture", (session) => {
  const { handle, x, w, y, how } = convolution(session);
  const [atX, atW, atY] = [session.upload(numbers(160, 3)), session.upload(numbers(72, 5)), session.floats(180)];
  const size = new Out();
  assertEquals(libraries.cudnnGetConvolutionForwardWorkspaceSize(handle, x, w, how, y, 1, size.bytes), OK);
  const workspace = session.floats(4096);
  const run = (algorithm: number, bytes: bigint): number =>
    libraries
      .cudnnConvolutionForward(handle, ONE, x, atX, w, atW, how, algorithm, workspace, bytes, ZERO, y, atY);
  assertEquals(run(1, size.value), OK);
  assertEquals(run(1, size.value - 1n), BAD_PARAM);
  assertEquals(run(3, 16384n), NOT_SUPPORTED);
  const told = new Out();
  const results = new Uint8Array(new ArrayBuffer(48 * 8));
  const search = (): number =>
    libraries.cudnnFindConvolutionForwardAlgorithmEx(
      ...[handle, x, atX, w, atW, how, y, atY] as const,
      8,
      told.bytes,
      results,
      workspace,
      16384n,
    );
  assertEquals(search(), OK);
  assertEquals(told.value & 0xffffffffn, 4n);
  const view = new DataView(results.buffer);
  const found = [0, 1, 2, 3].map((i) => ({
    algorithm: view.getInt32(48 * i, true),
    status: view.getInt32(48 * i + 4, true),
    milliseconds: view.getFloat32(48 * i + 8, true),
  }));
  assertEquals(found.map(({ status }) => status), [OK, OK, OK, NOT_SUPPORTED]);
  assert(found[0]!.milliseconds <= found[1]!.milliseconds && found[1]!.milliseconds <= found[2]!.milliseconds);
  assertEquals(found[3]!.algorithm, 3);
  // The search writes over the output, and waits for the device: not while a graph is recorded.
  const got = new Float32Array(180);
  assertEquals(session.download(atY, got), OK);
  assert(got.every((value) => Math.abs(value) > 1e30));
  assertEquals(cuda.cuStreamBeginCapture_v2(session.stream, 1), OK);
  assertEquals(run(0, 0n), OK);
  assertEquals(search(), EXECUTION_FAILED);
  assertEquals(cuda.cuStreamEndCapture(session.stream, new Out().bytes), 901);
});

test("cuBLASLt's products of both orders, transposed, in batches", (session) => {
  const [m, n, k, batch] = [3, 4, 5, 2];
  const handle = own(libraries.cublasLtCreate, libraries.cublasLtDestroy);
  const [a, b] = [numbers(batch * m * k, 3), numbers(batch * k * n, 5)];
  const [atA, atB] = [session.upload(a), session.upload(b)];
  const int = (value: number): Uint8Array<ArrayBuffer> => new Uint8Array(Int32Array.of(value).buffer);
  for (let which = 0; which < 8; which++) {
    const [transposedA, transposedB, byRows] = [which & 1, which >> 1 & 1, which >> 2 & 1];
    const layout = (rows: number, columns: number): bigint => {
      const leading = BigInt(byRows ? columns : rows);
      const made = own(
        (out) => libraries.cublasLtMatrixLayoutCreate(out, 0, BigInt(rows), BigInt(columns), leading),
        libraries.cublasLtMatrixLayoutDestroy,
      );
      const stride = new Uint8Array(BigInt64Array.of(BigInt(rows * columns)).buffer);
      assertEquals(libraries.cublasLtMatrixLayoutSetAttribute(made, 1, int(byRows), 4n), OK);
      assertEquals(libraries.cublasLtMatrixLayoutSetAttribute(made, 5, int(batch), 4n), OK);
      assertEquals(libraries.cublasLtMatrixLayoutSetAttribute(made, 6, stride, 8n), OK);
      return made;
    };
    const how = own((out) => libraries.cublasLtMatmulDescCreate(out, 68, 0), libraries.cublasLtMatmulDescDestroy);
    assertEquals(libraries.cublasLtMatmulDescSetAttribute(how, 3, int(transposedA), 4n), OK);
    assertEquals(libraries.cublasLtMatmulDescSetAttribute(how, 4, int(transposedB), 4n), OK);
    const left = transposedA ? layout(k, m) : layout(m, k);
    const right = transposedB ? layout(n, k) : layout(k, n);
    const [to, atD] = [layout(m, n), session.floats(batch * m * n)];
    const status = libraries.cublasLtMatmul(
      ...[handle, how, TWO, atA, left, atB, right, ZERO, atD, to, atD, to, 0n, 0n, 0n, session.stream] as const,
    );
    assertEquals(status, OK);
    const d = new Float32Array(batch * m * n);
    assertEquals(session.download(atD, d), OK);
    const at = (rows: number, columns: number, row: number, column: number): number =>
      byRows ? row * columns + column : column * rows + row;
    for (let i = 0; i < batch * m * n; i++) {
      const [each, row, column] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n];
      let sum = 0;
      for (let l = 0; l < k; l++) {
        const inA = each * m * k + (transposedA ? at(k, m, l, row) : at(m, k, row, l));
        const inB = each * k * n + (transposedB ? at(n, k, column, l) : at(k, n, l, column));
        sum += a[inA]! * b[inB]!;
      }
      assertEquals(d[each * m * n + at(m, n, row, column)], 2 * sum, `case ${which}`);
    }
  }
  assertEquals(emulator.launchesByName(), { cublaslt_matmul: 8 });
});
