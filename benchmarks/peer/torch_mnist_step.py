"""Peer: one training step of the preset mnist's network in PyTorch eager on the CPU, as a JSON line.

pip install -r tests/fixtures/requirements.txt    (in a virtual environment)
python torch_mnist_step.py --network '{"stem": [8, 8, 16], …}' --layout nhwc|nchw [--batch 64] [--threads 2]

The network is tests/fixtures/xresnet_torch.py, the optimizer fastai's ranger, the loss PyTorch's with label smoothing 0.1.
"""
import argparse
import json
import pathlib
import sys
import time
import warnings

warnings.filterwarnings("ignore")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures"))

import torch
from fastai.optimizer import ranger
from xresnet_torch import XResNet

p = argparse.ArgumentParser()
p.add_argument("--network", required=True, help="XResNet's arguments as JSON")
p.add_argument("--layout", default="nhwc", choices=["nhwc", "nchw"])
p.add_argument("--batch", type=int, default=64)
p.add_argument("--size", type=int, default=28)
p.add_argument("--steps", type=int, default=30)
p.add_argument("--warmup", type=int, default=5)
p.add_argument("--threads", type=int, default=2)
a = p.parse_args()

torch.set_num_threads(a.threads)
torch.manual_seed(0)
options = json.loads(a.network)
net = XResNet(**options).train()
x = torch.rand(a.batch, options["in_channels"], a.size, a.size)
y = torch.randint(0, options["classes"], (a.batch,))
if a.layout == "nhwc":
    net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
opt = ranger(list(net.parameters()), lr=8e-3, mom=0.95, sqr_mom=0.99, eps=1e-6, wd=1e-2)
loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)


def step():
    loss = loss_of(net(x), y)
    loss.backward()
    opt.step()
    opt.zero_grad()
    return loss


for _ in range(a.warmup):
    step().item()
times = []
for _ in range(a.steps):
    start = time.perf_counter()
    step().item()
    times.append(time.perf_counter() - start)
median = sorted(times)[len(times) // 2]
print(json.dumps({
    "peer": "pytorch " + torch.__version__, "layout": a.layout, "threads": a.threads, "batch": a.batch,
    "ms": round(1e3 * median, 3), "img_per_s": round(a.batch / median, 1), "best_img_per_s": round(a.batch / min(times), 1),
}))
