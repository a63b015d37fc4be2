"""Peer: training steps of the entry's network in PyTorch, a round for each line of stdin.

python torch_entry_step.py --mode eager|compile|graph --dtype bf16|f32 [--device cuda] [--batch 32] [--size 128] [--widen 1]

A first JSON line says what runs, once it is compiled and warm. Then each line of stdin is a number of steps, answered by a
JSON line with the milliseconds a step. A step takes its images from a data set of bytes on the device: picked by a shuffled
order, mirrored, made floats. Modes: eager; compile (mode "max-autotune", which uses CUDA graphs for forward and backward,
and the optimizer compiled too); graph (compiled with "max-autotune-no-cudagraphs", then the whole step, images and
optimizer included, as one CUDA graph). f32 on CUDA computes products in TF32.
"""
import argparse
import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from entry_torch import Ranger, entry

p = argparse.ArgumentParser()
p.add_argument("--mode", default="eager", choices=["eager", "compile", "graph"])
p.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
p.add_argument("--device", default="cuda")
p.add_argument("--batch", type=int, default=32)
p.add_argument("--size", type=int, default=128)
p.add_argument("--images", type=int, default=2048)
p.add_argument("--widen", type=float, default=1.0)
p.add_argument("--warmup", type=int, default=16)
a = p.parse_args()

torch.manual_seed(0)
torch.backends.cudnn.benchmark = True
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
started = time.time()
network = entry(a.widen).to(a.device).to(memory_format=torch.channels_last).train()
optimizer = Ranger(network)
pixels = torch.randint(0, 256, (a.images, 3, a.size, a.size), dtype=torch.uint8, device=a.device).to(memory_format=torch.channels_last)
classes = torch.randint(0, 10, (a.images,), device=a.device)
order = torch.randperm(a.images, device=a.device)
chosen = torch.zeros(a.batch, dtype=torch.int64, device=a.device)


def batch():
    x = pixels[chosen]
    mirrored = torch.rand(a.batch, 1, 1, 1, device=a.device) < 0.5
    x = torch.where(mirrored, x.flip(3), x).float() / 255
    return x.contiguous(memory_format=torch.channels_last), classes[chosen]


def loss_of(x, y):
    with torch.autocast(a.device, dtype=torch.bfloat16, enabled=a.dtype == "bf16"):
        logits = network(x)
    return F.cross_entropy(logits.float(), y, label_smoothing=0.1)


update = optimizer.step
if a.mode != "eager":
    batch, update = torch.compile(batch), torch.compile(update)
    loss_of = torch.compile(loss_of, mode="max-autotune" if a.mode == "compile" else "max-autotune-no-cudagraphs")


def whole(lookahead):
    for parameter in optimizer.params:
        parameter.grad = None
    loss = loss_of(*batch())
    loss.backward()
    update(lookahead)
    return loss


run = whole
count = 0


def step():
    """One step, enqueued; gives the loss."""
    global count
    start = count * a.batch % (a.images - a.batch + 1)
    chosen.copy_(order[start:start + a.batch])
    count += 1
    if a.mode == "compile":
        torch.compiler.cudagraph_mark_step_begin()
    return run(count % optimizer.k == 0)


def graphed():
    """The whole step as two CUDA graphs: with Lookahead's turn and without."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2 * optimizer.k):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graphs = {}
    for lookahead in (False, True):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = whole(lookahead)
        graphs[lookahead] = (graph, loss)

    def replay(lookahead):
        graph, loss = graphs[lookahead]
        graph.replay()
        return loss

    return replay


def synchronize():
    if a.device == "cuda":
        torch.cuda.synchronize()


if a.mode == "graph":
    run = graphed()
for _ in range(a.warmup):
    loss = step()
print(json.dumps({
    "peer": "pytorch " + torch.__version__, "device": torch.cuda.get_device_name() if a.device == "cuda" else "cpu",
    "mode": a.mode, "dtype": a.dtype, "batch": a.batch, "size": a.size, "loss": loss.item(),
    "parameters": sum(parameter.numel() for parameter in network.parameters()), "warmup_s": round(time.time() - started, 1),
}), flush=True)
for line in sys.stdin:
    steps = int(line)
    synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        loss = step()
    synchronize()
    ms = 1e3 * (time.perf_counter() - start) / steps
    print(json.dumps({"ms": ms, "loss": loss.item()}), flush=True)
