/** The layers of a network whose features are compared. */
import { MultiHeadAttention } from "../../nn/attention.ts";
import { ConvNorm, Sequential, SqueezeExcitation } from "../../nn/blocks.ts";
import { Dropout, StochasticDepth } from "../../nn/dropout.ts";
import { Flatten } from "../../nn/elementary.ts";
import { BatchNorm2d, Conv2d } from "../../nn/layers.ts";
import type { AnyModule, Module } from "../../nn/module.ts";
import { SimpleSelfAttention } from "../../nn/self_attention.ts";
import { ResBlock } from "../../models/res_block.ts";
import { kindOf, nearest } from "../../tensor/ops/checks.ts";

/** Modules that are a layer of their own though they are made of others. */
const WHOLE = [ConvNorm, MultiHeadAttention, ResBlock, SimpleSelfAttention, SqueezeExcitation];

/** Modules that give what they get, in evaluation, in another shape at most. */
const SAME = [Dropout, Flatten, StochasticDepth];

function isOneOf(module: AnyModule, kinds: readonly (abstract new (...args: never) => AnyModule)[]): boolean {
  return kinds.some((kind) => module instanceof kind);
}

/** Convolutions whose batch norm right behind them is one pass with them: what comes between is nowhere. */
function beforeNorms(model: Module): Set<AnyModule> {
  const sequences = [...model.modules()].flatMap(([, module]) => module instanceof Sequential ? [module.layers] : []);
  const convs = sequences.flatMap((layers) =>
    layers.filter((layer, at) => layer instanceof Conv2d && layers[at + 1] instanceof BatchNorm2d)
  );
  return new Set(convs);
}

/**
 * The layers of a network unless others are named: blocks and convolutions with their norms as a whole, of everything else
 * the modules without others inside, but for those that give what they get.
 */
function defaultLayers(model: Module): Map<string, AnyModule> {
  const found = new Map<string, AnyModule>();
  const passed = beforeNorms(model);
  const seen = new Set<AnyModule>();
  const visit = (path: string, module: AnyModule): void => {
    if (seen.has(module)) return;
    seen.add(module);
    if (isOneOf(module, SAME) || passed.has(module)) return;
    const children = module.children();
    if (path !== "" && (children.size === 0 || isOneOf(module, WHOLE))) found.set(path, module);
    else for (const [name, child] of children) visit(path === "" ? name : `${path}.${name}`, child);
  };
  visit("", model);
  return found;
}

/** The modules whose features are compared, by their paths: those that are named, or the network's layers. */
export function layersOf(model: Module, names?: readonly string[]): Map<string, AnyModule> {
  if (names === undefined) return defaultLayers(model);
  if (!Array.isArray(names)) {
    throw new TypeError(`measureShift(): Expected \`layers\` as an array of paths, got ${kindOf(names)}`);
  }
  const modules = new Map(model.modules());
  return new Map(names.map((name) => {
    const module = modules.get(name);
    if (module !== undefined) return [name, module];
    const near = nearest(String(name), [...modules.keys()]);
    throw new RangeError(
      `measureShift(): Expected \`layers\` as paths of modules, got ${kindOf(name)}: ${
        near === undefined ? `there are ${[...modules.keys()].filter(Boolean).join(", ")}` : `it may be ${near}`
      }`,
    );
  }));
}
