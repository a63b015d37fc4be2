"""Peer: answers of a network in PyTorch, in a process that stays. `deno task bench infer --peer` speaks to it.

    python torch_infer.py

{"setup": {"network", "mode", "dtype", "layout", "bs", "size", "channels", "threads"}} makes a network in evaluation and runs
it, which compiles: with `freezing`, weights are constants, and batch norms are folded into the convolutions before them.
{"run": {"steps"}} gives the milliseconds of each of so many batches.
"""
import resident

import time

import torch
import torch._inductor.config
from networks import LAYOUTS, build, compiled, facts, limit_isa

torch._inductor.config.freezing = True
made = None


class Inference:
    def __init__(self, setup):
        self.setup = setup
        torch.set_num_threads(setup["threads"])
        limit_isa(setup.get("isa"))
        layout = LAYOUTS[setup["layout"]]
        self.network = build(setup["network"]).to(memory_format=layout).eval()
        shape = (setup["bs"], setup["channels"], setup["size"], setup["size"])
        self.x = torch.rand(shape).contiguous(memory_format=layout)
        self.forward = compiled(self.network, setup["mode"])

    @torch.no_grad()
    def step(self):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.setup["dtype"] == "bf16"):
            return self.forward(self.x).float().softmax(1).sum().item()


def setup(request):
    global made
    made = None
    start = time.time()
    made = Inference(request)
    # Freezing lets go of the weights, so they are counted before.
    parameters = sum(p.numel() for p in made.network.parameters())
    made.step()
    first = time.time() - start
    made.step()
    return {"parameters": parameters, "first_step_s": round(first, 2),
            "cached_graphs": torch._dynamo.utils.counters["inductor"]["fxgraph_cache_hit"]}


def run(request):
    resident.reset_peak()
    made.step()
    times = []
    for _ in range(request["steps"]):
        start = time.perf_counter()
        made.step()
        times.append(1e3 * (time.perf_counter() - start))
    return {"ms": times, "peak_mib": resident.peak_mib(), "whole_peak_mib": resident.whole_peak_mib()}


resident.serve({"setup": setup, "run": run}, facts())
