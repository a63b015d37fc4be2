"""Peer: training steps in PyTorch, in a process that stays. `deno task bench step --peer` and `bench shapes --peer` speak to it.

    python torch_step.py

{"setup": {"network", "mode", "dtype", "layout", "bs", "size", "channels", "threads"}} makes a network and runs the first two
steps, which compile. {"run": {"steps", "optimizer"}} gives the milliseconds of each of so many steps. A step is forward,
label-smoothed cross entropy, backward, the optimizer's step and the loss read back, on one batch over and over.
"""
import resident

import math
import time

import torch
from networks import LAYOUTS, OPTIMIZERS, CLASSES, LabelSmoothingCrossEntropy, build, compiled, facts, limit_isa


class Training:
    """A network with its batch, and the optimizer that was asked for last."""

    def __init__(self, setup):
        self.setup = setup
        torch.set_num_threads(setup["threads"])
        limit_isa(setup.get("isa"))
        layout = LAYOUTS[setup["layout"]]
        self.network = build(setup["network"]).to(memory_format=layout).train()
        shape = (setup["bs"], setup["channels"], setup["size"], setup["size"])
        self.x = torch.rand(shape).contiguous(memory_format=layout)
        self.y = torch.randint(0, CLASSES, (setup["bs"],))
        self.forward = compiled(self.network, setup["mode"])
        self.loss_of = LabelSmoothingCrossEntropy()
        self.name = None

    def use(self, name):
        """Makes an optimizer, whose state comes with its first step."""
        if name != self.name:
            self.optimizer, self.name = OPTIMIZERS[name](self.network), name
            self.step()

    def step(self):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.setup["dtype"] == "bf16"):
            out = self.forward(self.x)
        loss = self.loss_of(out.float(), self.y)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()


training = None


def setup(request):
    global training
    training = None
    start = time.time()
    training = Training(request)
    training.use(request.get("optimizer", "ranger"))
    first = time.time() - start
    training.step()
    return {"parameters": sum(p.numel() for p in training.network.parameters()), "first_step_s": round(first, 2),
            "cached_graphs": torch._dynamo.utils.counters["inductor"]["fxgraph_cache_hit"]}


def run(request):
    training.use(request.get("optimizer", "ranger"))
    resident.reset_peak()
    # What was given back is asked for again by the step before those that count.
    training.step()
    times = []
    for _ in range(request["steps"]):
        start = time.perf_counter()
        loss = training.step()
        times.append(1e3 * (time.perf_counter() - start))
    return {"ms": times, "loss": loss if math.isfinite(loss) else None, "peak_mib": resident.peak_mib(), "whole_peak_mib": resident.whole_peak_mib()}


resident.serve({"setup": setup, "run": run}, facts())
