"""The networks that are measured, from the descriptions that tools/bench/networks.ts writes; what makes them and their loss.

{"fastai": "xse_resnext50", "act": "Mish", "sa": true, "blur": true}: fastai's own, with kornia's MaxBlurPool2D for every max
pool where it blurs; {"xresnet": {…}}: tests/fixtures/xresnet_torch.py; {"chain": [[out, kernel, stride, groups], …]}:
convolutions, each with a batch norm and ReLU, then the mean of the image and a linear layer.
"""
import pathlib
import sys
from functools import partial

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures"))

import torch
from fastai.data.core import DataLoaders
from fastai.layers import MaxPool, Mish
from fastai.learner import Learner
from fastai.losses import LabelSmoothingCrossEntropy
from fastai.optimizer import ranger
from fastai.vision.models import xresnet
from kornia.filters import MaxBlurPool2D
from torch import nn

CLASSES = 10
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "i32": torch.int32}
LAYOUTS = {"nhwc": torch.channels_last, "nchw": torch.contiguous_format}


def blurred(module):
    """Puts a MaxBlurPool2D in the place of every max pool."""
    for name, child in module.named_children():
        if isinstance(child, nn.MaxPool2d):
            setattr(module, name, MaxBlurPool2D(3, ceil_mode=True))
        else:
            blurred(child)
    return module


def of_fastai(description):
    options = {}
    if description.get("act") == "Mish":
        options["act_cls"] = Mish
    if description.get("sa"):
        options.update(sa=1, sym=0)
    if description.get("blur"):
        options["pool"] = MaxPool
    network = getattr(xresnet, description["fastai"])(n_out=CLASSES, **options)
    return blurred(network) if description.get("blur") else network


def chain(layers):
    made, channels = [], 3
    for out, kernel, stride, groups in layers:
        made += [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        channels = out
    return nn.Sequential(*made, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))


def build(description):
    torch.manual_seed(0)
    if "chain" in description:
        return chain(description["chain"])
    if "xresnet" in description:
        from xresnet_torch import XResNet

        return XResNet(**description["xresnet"])
    return of_fastai(description)


def entry():
    """The network of the recipe."""
    return build({"fastai": "xse_resnext50", "act": "Mish", "sa": True, "blur": True})


def fastai_ranger(network):
    """The recipe's Ranger; the learner decides which parameters have no weight decay."""
    one = [(torch.zeros(3, 8, 8), torch.tensor(0))]
    loaders = DataLoaders.from_dsets(one, one, bs=1, num_workers=0, device="cpu")
    options = partial(ranger, mom=0.95, sqr_mom=0.99, eps=1e-6, beta=0.0)
    learner = Learner(loaders, network, opt_func=options, loss_func=LabelSmoothingCrossEntropy(), wd=1e-2)
    learner.create_opt()
    learner.opt.set_hypers(lr=8e-3)
    return learner.opt


def fused_adamw(network):
    return torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2, fused=True)


OPTIMIZERS = {"ranger": fastai_ranger, "adamw": fused_adamw}


def compiled(network, mode):
    """eager: as it is; compile: torch.compile's defaults; autotune: its kernels chosen by timing."""
    if mode == "eager":
        return network
    torch._dynamo.reset()
    return torch.compile(network, mode="max-autotune-no-cudagraphs" if mode == "autotune" else "default")


def facts():
    import fastai
    import kornia

    return {"torch": torch.__version__, "fastai": fastai.__version__, "kornia": kornia.__version__,
            "cpu": torch.backends.cpu.get_cpu_capability()}


def limit_isa(isa):
    """Keeps compiled kernels to an instruction set; oneDNN and ATen are told by the environment."""
    if isa == "avx2":
        import torch._inductor.config as config

        config.cpp.simdlen = 256
