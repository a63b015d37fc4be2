/** The autograd graph: nodes hang on tensors, and backward walks from one of them. */
import { shown } from "../ffi/shown.ts";
import { aliasTensor, tensorVersion } from "../ffi/native.ts";
import { StateError } from "../ffi/errors.ts";
import { noteGradient } from "./recording.ts";
import { aliasOf, nodeOf, shareStorage, storageOf, Tensor } from "./tensor.ts";
import { ownedHere, scope } from "./scope.ts";

let enabled = true;
let nextId = 0;
/** Who got gradients last; weakly, as nothing here may keep tensors. */
let reached: readonly WeakRef<Tensor>[] = [];

/** The leaves that the last backward gave gradients. */
export function lastLeaves(): Tensor[] {
  return reached.flatMap((leaf) => leaf.deref() ?? []);
}

/** Gradients that an optimizer's step has left to others, as they are of its loss. */
const leftOver = new WeakSet<Tensor>();

/** Notes a gradient to which no later backward may add. */
export function noteLeftOver(gradient: Tensor): void {
  leftOver.add(gradient);
}

/** Whether ops are recorded for backward. */
export function gradEnabled(): boolean {
  return enabled;
}

/**
 * Runs a synchronous function without recording it for backward.
 *
 * @example
 * ```ts
 * import { noGrad, tensor } from "@libtrain/libtrain";
 *
 * using w = tensor([1, 2]).requireGrad();
 * using y = noGrad(() => w.mul(2));
 * console.log(y.requiresGrad); // false
 * ```
 */
export function noGrad<Result>(fn: () => Result extends PromiseLike<unknown> ? never : Result): Result {
  if (typeof fn !== "function") throw new TypeError(`noGrad(): Expected a function, got ${typeof fn}`);
  const before = enabled;
  enabled = false;
  try {
    const result: Result = fn();
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === "function") {
      throw new TypeError(
        "noGrad(): Expected a synchronous function, got one that returns a promise: call noGrad around each step",
      );
    }
    return result;
  } finally {
    enabled = before;
  }
}

/** A tensor kept for backward; refuses to give it back after an in-place write. */
export class SavedTensor {
  readonly #tensor: Tensor;
  readonly #version: number;
  readonly #op: string;
  readonly #name: string;

  /** `op` and `name` say who saved what, for the message. */
  constructor(tensor: Tensor, op: string, name: string) {
    const { raw, version } = aliasTensor(tensor.device.handle, tensor.handle);
    this.#tensor = Tensor.unowned(tensor.device, raw);
    shareStorage(this.#tensor, tensor);
    this.#version = version;
    this.#op = op;
    this.#name = name;
  }

  get(): Tensor {
    const { version, writer } = tensorVersion(this.#tensor.device.handle, this.#tensor.handle);
    if (version !== this.#version) {
      throw new StateError(
        `backward(): Cannot use the saved tensor "${this.#name}" of ${this.#op}(), as ${writer}() wrote over it since: ` +
          `call backward() first, or clone() what is written`,
      );
    }
    return this.#tensor;
  }

  release(): void {
    this.#tensor.dispose();
  }
}

/** Where a gradient goes: to the node that made the tensor, or to a leaf. */
type Edge = { node: GraphNode; output: number } | { leaf: Tensor };

/** What a node needs to run backward. */
export interface NodeOptions {
  op: string;
  /** The inputs; gradients are asked for those that track them. */
  inputs: readonly (Tensor | null)[];
  outputs: readonly Tensor[];
  saved: readonly SavedTensor[];
  /** From the gradients of the outputs (null where none came) to those of the inputs. */
  backward(dy: readonly (Tensor | null)[], needs: readonly boolean[]): readonly (Tensor | null)[];
}

/** One recorded op. */
export class GraphNode {
  readonly id = nextId++;
  readonly op: string;
  readonly edges: readonly (Edge | null)[];
  readonly outputs: number;
  readonly #inputs: readonly ({ shape: readonly number[]; dtype: string } | null)[];
  #backward: NodeOptions["backward"] | undefined;
  #saved: readonly SavedTensor[];
  /** Live results and consumers; with the last one gone, nothing can ask for this node's backward. */
  #references = 0;

  constructor(options: NodeOptions) {
    this.op = options.op;
    this.#saved = options.saved;
    this.#backward = options.backward;
    this.outputs = options.outputs.length;
    this.#inputs = options.inputs.map((input) => input && { shape: input.shape, dtype: input.dtype });
    this.edges = options.inputs.map((input) => {
      if (input === null || !input.requiresGrad) return null;
      const origin = nodeOf(input);
      if (origin === null) return { leaf: input };
      origin.node.retain();
      return origin;
    });
  }

  retain(): void {
    this.#references++;
  }

  /** Lets go of this node; with the last reference gone, of its saved tensors and of the nodes before it. */
  release(): void {
    // A list and no recursion, as a chain of nodes may be longer than JavaScript's stack is deep.
    const released: GraphNode[] = [this];
    for (let node = released.pop(); node !== undefined; node = released.pop()) {
      if (--node.#references !== 0) continue;
      node.releaseSaved();
      for (const edge of node.edges) if (edge !== null && "node" in edge) released.push(edge.node);
    }
  }

  /** The gradients of the inputs; afterwards the saved tensors are gone. */
  run(dy: readonly (Tensor | null)[]): readonly (Tensor | null)[] {
    if (this.#backward === undefined) {
      throw new StateError(
        `backward(): Cannot run ${this.op}() backward twice, as its saved tensors are gone: run the forward again`,
      );
    }
    const gradients = this.#backward(dy, this.edges.map((edge) => edge !== null));
    if (gradients.length !== this.edges.length) {
      throw new TypeError(
        `${this.op}(): Expected a backward that returns ${this.edges.length} gradients, got ${gradients.length}`,
      );
    }
    gradients.forEach((gradient, index) => this.#checkGradient(gradient, index));
    return gradients;
  }

  /** A gradient must be as its input is; a script's own backward may return anything. */
  #checkGradient(gradient: Tensor | null, index: number): void {
    const input = this.#inputs[index];
    if (gradient === null || !input) return;
    if (!(gradient instanceof Tensor)) {
      throw new TypeError(`${this.op}(): Expected a Tensor or null for input ${index}, got ${shown(gradient)}`);
    }
    const { shape, dtype } = gradient;
    if (dtype !== input.dtype) {
      throw new TypeError(`${this.op}(): Expected a gradient of dtype ${input.dtype} for input ${index}, got ${dtype}`);
    }
    if (shape.length !== input.shape.length || shape.some((size, axis) => size !== input.shape[axis])) {
      throw new TypeError(
        `${this.op}(): Expected a gradient of shape [${input.shape.join(", ")}] for input ${index}, got [${
          shape.join(", ")
        }]`,
      );
    }
  }

  releaseSaved(): void {
    for (const saved of this.#saved) saved.release();
    this.#saved = [];
    this.#backward = undefined;
  }
}

/** The gradients of one backward on their way: for outputs of nodes, and for leaves. */
class Pending {
  readonly #gradients = new Map<GraphNode, (Tensor | null)[]>();
  readonly #leaves = new Map<Tensor, Tensor>();

  add({ node, output }: { node: GraphNode; output: number }, gradient: Tensor): void {
    const list = this.#gradients.get(node) ?? Array.from({ length: node.outputs }, () => null);
    this.#gradients.set(node, list);
    list[output] = accumulate(list[output] ?? null, gradient);
  }

  addToLeaf(leaf: Tensor, gradient: Tensor): void {
    this.#leaves.set(leaf, accumulate(this.#leaves.get(leaf) ?? null, gradient));
  }

  take(node: GraphNode): (Tensor | null)[] {
    const list = this.#gradients.get(node) ?? [];
    this.#gradients.delete(node);
    return list;
  }

  /**
   * Gives the leaves their gradients, all or none.
   *
   * A gradient in a buffer from before this backward, or in that of another leaf's gradient, is copied: who writes to
   * one must not change the other.
   */
  commit(since: number): void {
    const taken = new Set<number>();
    const sums: [leaf: Tensor, gradient: Tensor][] = [];
    for (const [leaf, gradient] of this.#leaves) {
      if (leaf.disposed) continue;
      if (leaf.grad !== null && leftOver.has(leaf.grad)) throw ofAnotherLoss(leaf);
      const storage = storageOf(gradient);
      const shared = storage < since || taken.has(storage);
      taken.add(storage);
      sums.push([leaf, leaf.grad !== null ? leaf.grad.add(gradient) : shared ? gradient.clone() : gradient]);
    }
    for (const [leaf, gradient] of sums) {
      noteGradient(leaf);
      leaf.setGrad(gradient);
    }
    reached = sums.map(([leaf]) => new WeakRef(leaf));
  }

  dispose(): void {
    for (const list of this.#gradients.values()) list.forEach((gradient) => gradient?.dispose());
    for (const [leaf, gradient] of this.#leaves) if (leaf.grad !== gradient) gradient.dispose();
  }
}

function ofAnotherLoss({ shape }: Tensor): StateError {
  return new StateError(
    `backward(): Cannot add to the gradient of a parameter [${
      shape.join(", ")
    }], which is of another loss: the step of ` +
      "another optimizer has left it behind. Keep the parameter out of that loss by nn.noGradOf(module, () => …), or call " +
      "discard() on the parameter's optimizer after that step",
  );
}

/** The sum of a gradient and what came before; owns its arguments. */
function accumulate(before: Tensor | null, gradient: Tensor): Tensor {
  if (before === null) return gradient;
  try {
    return Tensor.release(before.add(gradient));
  } finally {
    before.dispose();
    gradient.dispose();
  }
}

/** Every node that a tensor depends on, latest first: an order in which consumers come before what they consume. */
function nodesBefore(root: GraphNode): GraphNode[] {
  const seen = new Set([root]);
  for (const node of seen) {
    for (const edge of node.edges) if (edge !== null && "node" in edge) seen.add(edge.node);
  }
  return [...seen].sort((a, b) => b.id - a.id);
}

/** Runs backward from a tensor with its upstream gradient (owned by this call); buffers below `since` belong to others. */
export function runBackward(root: Tensor, upstream: Tensor, since: number): void {
  const origin = nodeOf(root);
  const pending = new Pending();
  if (origin === null) pending.addToLeaf(root, upstream);
  else pending.add(origin, upstream);
  try {
    // The scope frees what an error leaves half done.
    scope(() =>
      noGrad(() => {
        if (origin !== null) { for (const node of nodesBefore(origin.node)) runNode(node, pending); }
        pending.commit(since);
      })
    );
  } finally {
    pending.dispose();
  }
}

function runNode(node: GraphNode, pending: Pending): void {
  const dy = pending.take(node);
  if (dy.every((gradient) => gradient === null)) return;
  try {
    const gradients = scope(() => distinct(node.run(dy)));
    for (const [index, edge] of node.edges.entries()) {
      const gradient = gradients[index] ?? null;
      if (gradient === null) continue;
      Tensor.release(gradient);
      if (edge === null) gradient.dispose();
      else if ("leaf" in edge) pending.addToLeaf(edge.leaf, gradient);
      else pending.add(edge, gradient);
    }
    node.releaseSaved();
  } finally {
    for (const gradient of dy) gradient?.dispose();
  }
}

/** A rule may hand on what it was lent, or one tensor twice; each receiver gets a handle of its own. */
function distinct(gradients: readonly (Tensor | null)[]): (Tensor | null)[] {
  const given = new Set<Tensor>();
  return gradients.map((gradient) => {
    if (gradient === null) return null;
    const result = given.has(gradient) || !ownedHere(gradient) ? aliasOf(gradient) : gradient;
    given.add(gradient);
    return result;
  });
}
