"""The entry's network and optimizer in plain PyTorch, as fast as it gets there without leaving it.

The network is xse_resnext50 with Mish, self-attention and max-blur pools (tests/fixtures/xresnet_torch.py with fastai's
SimpleSelfAttention at the end of the first stage); the optimizer is fastai's Ranger with multi-tensor operations, and with
everything that changes from step to step on the device, so that a CUDA graph can hold it.
"""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures"))

import torch
import torch.nn.functional as F
from torch import nn
from xresnet_torch import Block, XResNet

PARAMETERS = 25_616_155


class SelfAttention(nn.Module):
    """fastai's SimpleSelfAttention: x + gamma (x x^T)(W x) over the pixels, W under spectral normalisation."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(nn.init.kaiming_normal_(torch.empty(channels, channels)))
        self.gamma = nn.Parameter(torch.zeros(1))
        self.register_buffer("u", F.normalize(torch.randn(channels), dim=0))
        self.register_buffer("v", F.normalize(torch.randn(channels), dim=0))

    def normalized(self):
        if self.training:
            with torch.no_grad():
                v = F.normalize(self.weight.t() @ self.u, dim=0)
                u = F.normalize(self.weight @ v, dim=0)
                self.u.copy_(u)
                self.v.copy_(v)
        u, v = self.u.clone(), self.v.clone()
        return self.weight / (u @ (self.weight @ v))

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
            weight = self.normalized() * self.gamma
        pixels = x.flatten(2).transpose(1, 2)
        # On the small side: X (G W)^T with pixels as rows of X and G = X^T X.
        mixed = (pixels.transpose(1, 2) @ pixels) @ weight.to(pixels.dtype)
        return x + (pixels @ mixed.transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])


class AttentionBlock(nn.Module):
    """A block whose branch ends with self-attention."""

    def __init__(self, block, channels):
        super().__init__()
        self.block = block
        self.attention = SelfAttention(channels)

    def forward(self, x):
        y = x
        for layer in self.block.convs:
            y = layer(y)
        return self.block.act(x_through(self.block, x) + self.attention(self.block.squeeze(y)))


def x_through(block, x):
    """The shortcut of a block."""
    x = block.pool(x) if block.pool else x
    return block.shortcut(x) if block.shortcut else x


def entry(widen=1.0):
    """The network; `widen` makes it narrow for rehearsals."""
    stages = [math.floor(width * widen) for width in (64, 128, 256, 512)]
    network = XResNet(stages=stages, blocks=(3, 4, 6, 3), expansion=4, groups=32, base_width=4, reduction=16, act="mish", pool="maxblur")
    last = network.stages[0][-1]
    assert isinstance(last, Block)
    network.stages[0][-1] = AttentionBlock(last, stages[0] * 4)
    count = sum(parameter.numel() for parameter in network.parameters())
    if widen == 1.0 and count != PARAMETERS:
        raise SystemExit(f"Expected the entry's {PARAMETERS} parameters, got {count}")
    return network


class Ranger:
    """RAdam inside Lookahead with decoupled weight decay, none on norms and biases; fastai's formulas."""

    def __init__(self, network, lr=8e-3, mom=0.95, sqr_mom=0.99, eps=1e-6, wd=1e-2, k=6, alpha=0.5):
        self.mom, self.sqr_mom, self.eps, self.wd, self.k, self.alpha = mom, sqr_mom, eps, wd, k, alpha
        norms = {id(p) for m in network.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters(recurse=False)}
        named = list(network.named_parameters())
        self.params = [p for _, p in named]
        self.decayed = [p for name, p in named if id(p) not in norms and not name.endswith("bias")]
        self.mean = [torch.zeros_like(p) for p in self.params]
        self.square = [torch.zeros_like(p) for p in self.params]
        self.slow = [p.detach().clone() for p in self.params]
        device = self.params[0].device
        self.lr = torch.tensor(lr, device=device)
        self.t = torch.zeros((), device=device)

    @torch.no_grad()
    def step(self, lookahead):
        """One step; `lookahead`: whether it is a k-th one, which the caller counts."""
        grads = [p.grad for p in self.params]
        self.t.add_(1)
        momentum, square = 1 - self.mom**self.t, self.sqr_mom**self.t
        limit = 2 / (1 - self.sqr_mom) - 1
        r = limit - 2 * self.t * square / (1 - square)
        adaptive = r > 5
        clamped = r.clamp(min=5)
        factor = ((clamped - 4) * (clamped - 2) * limit / ((limit - 4) * (limit - 2) * clamped)).sqrt()
        # sqrt(v / (1 - s^t)) + eps over the factor; 1 before the variance can be told.
        scale = torch.where(adaptive, 1 / ((1 - square).sqrt() * factor), torch.zeros_like(factor))
        shift = torch.where(adaptive, self.eps / factor, torch.ones_like(factor))
        torch._foreach_mul_(self.decayed, 1 - self.lr * self.wd)
        torch._foreach_lerp_(self.mean, grads, 1 - self.mom)
        torch._foreach_mul_(self.square, self.sqr_mom)
        torch._foreach_addcmul_(self.square, grads, grads, 1 - self.sqr_mom)
        under = torch._foreach_sqrt(self.square)
        torch._foreach_mul_(under, scale)
        torch._foreach_add_(under, shift)
        update = torch._foreach_div(self.mean, under)
        torch._foreach_mul_(update, -self.lr / momentum)
        torch._foreach_add_(self.params, update)
        if lookahead:
            torch._foreach_lerp_(self.slow, self.params, self.alpha)
            torch._foreach_copy_(self.params, self.slow)
