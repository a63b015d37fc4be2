"""Peer: PyTorch's time for single ops of a training step, in a process that stays. `deno task bench ops --peer` speaks to it.

    python torch_ops.py

{"setup": {"threads"}} sets the threads, and gives the peaks of a matrix product and of a copy. {"time": {"op", "inputs",
"outputs", "params"}} describes a call of the library, images as [n, h, w, c]; the answer is the milliseconds of the fastest
of some calls of PyTorch's own that do the same, in its better layout, or null where it has none. Inputs are the same in
every call, so small ones lie in caches.
"""
import resident

import math
import time

import torch
import torch.nn.functional as F
from networks import DTYPES, LAYOUTS, MaxBlurPool2D, entry, facts, fastai_ranger

ACTIVATIONS = {"none": lambda x: x, "relu": F.relu, "mish": F.mish, "silu": F.silu, "gelu": F.gelu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
SECONDS = 0.12
MOST = 30


def fastest(call):
    """Milliseconds of the fastest call, of about a tenth of a second's."""
    call()
    best, start = math.inf, time.perf_counter()
    for _ in range(MOST):
        before = time.perf_counter()
        call()
        now = time.perf_counter()
        best = min(best, now - before)
        if now - start > SECONDS:
            break
    return 1e3 * best


class Call:
    """A call of the library in PyTorch's terms."""

    def __init__(self, request, layout):
        self.inputs, self.outputs, self.params = request["inputs"], request["outputs"], request["params"]
        self.layout = layout

    def tensor(self, operand, grad=False):
        """A tensor like an operand; four sizes are those of images."""
        dtype, shape = operand
        if dtype == "i32":
            return torch.zeros(shape, dtype=torch.int64)
        x = torch.randn(shape)
        if len(shape) == 4:
            x = x.permute(0, 3, 1, 2).contiguous(memory_format=LAYOUTS[self.layout])
        return x.to(DTYPES[dtype]).requires_grad_(grad)

    def input(self, index, grad=False):
        return self.tensor(self.inputs[index], grad)

    def output(self, index=0):
        return self.tensor(self.outputs[index])

    def has(self, index):
        return len(self.inputs) > index and self.inputs[index] is not None

    @property
    def activation(self):
        return ACTIVATIONS[self.params["activation"]]

    @property
    def geometry(self):
        p = self.params
        return [p["strideH"], p["strideW"]], [p["paddingH"], p["paddingW"]], p["groups"]


def gradient(y, inputs, dy):
    return lambda: torch.autograd.grad(y, inputs, dy.to(y.dtype).view_as(y), retain_graph=True)


def conv2d(c):
    x, w, (stride, padding, groups) = c.input(0), c.input(1), c.geometry
    return lambda: F.conv2d(x, w, None, stride, padding, 1, groups)


def conv_gradient(dy, x, w, c, wanted):
    stride, padding, groups = c.geometry
    return lambda: torch.ops.aten.convolution_backward(dy, x, w, None, stride, padding, [1, 1], False, [0, 0], groups, wanted)


def conv2d_backward_input(c):
    return conv_gradient(c.input(0), c.output(), c.input(1), c, [True, False, False])


def conv2d_backward_weight(c):
    return conv_gradient(c.input(1), c.input(0), c.output(), c, [False, True, False])


def normed(c, x, weight, bias, residual):
    y = F.batch_norm(x, None, None, weight, bias, True, 0.1, 1e-5)
    return c.activation(y if residual is None else y + residual)


def batch_norm(c):
    x, weight, bias = (c.input(i) for i in range(3))
    residual = c.input(3) if c.has(3) else None
    return lambda: normed(c, x, weight, bias, residual)


def batch_norm_backward(c):
    dy = c.input(0)
    inputs = [c.input(i, True) for i in (1, 2, 3)]
    # The table keeps six inputs; what else comes out tells whether there was a residual.
    residual = c.tensor(c.outputs[3], True) if len(c.outputs) > 3 and c.outputs[3] is not None else None
    y = normed(c, *inputs, residual)
    return gradient(y, inputs if residual is None else [*inputs, residual], dy)


def excited(c, x, w1, b1, w2, b2, residual):
    hidden = c.activation(F.linear(x.mean((2, 3)).float(), w1, b1))
    gate = torch.sigmoid(F.linear(hidden, w2, b2))
    y = x * gate[:, :, None, None].to(x.dtype)
    return ACTIVATIONS[c.params["end"]](y if residual is None else y + residual)


def squeeze_excitation(c):
    x, w1, b1, w2 = (c.input(i) for i in range(4))
    w1, b1, w2, b2 = w1.float(), b1.float(), w2.float(), torch.zeros(w2.shape[0])
    residual = c.input(5) if c.has(5) else None
    return lambda: excited(c, x, w1, b1, w2, b2, residual)


def squeeze_excitation_backward(c):
    x, w1, w2 = c.input(1, True), c.input(2).float().requires_grad_(), c.input(3).float().requires_grad_()
    b1, b2 = torch.zeros(w1.shape[0], requires_grad=True), torch.zeros(w2.shape[0], requires_grad=True)
    inputs = [x, w1, b1, w2, b2]
    # As batch_norm_backward's.
    residual = c.tensor(c.outputs[5], True) if len(c.outputs) > 5 and c.outputs[5] is not None else None
    return gradient(excited(c, *inputs, residual), inputs if residual is None else [*inputs, residual], c.input(0))


def max_blur_pool(c):
    x, pool = c.input(0), MaxBlurPool2D(3, ceil_mode=True)
    return lambda: pool(x)


def max_blur_pool_backward(c):
    x = c.input(0, True)
    return gradient(MaxBlurPool2D(3, ceil_mode=True)(x), [x], c.input(1))


def matmul(c):
    a, b = (torch.randn(shape).to(DTYPES[dtype]) for dtype, shape in c.inputs[:2])
    a = a.transpose(-2, -1) if c.params["transposeA"] else a
    b = b.transpose(-2, -1) if c.params["transposeB"] else b
    return lambda: torch.matmul(a, b)


def binary(op):
    def call(c):
        a, b = c.input(0), c.input(1)
        return lambda: op(a, b)

    return call


def unary(op):
    def call(c):
        x = c.input(0)
        return lambda: op(x)

    return call


def unary_backward(op):
    def call(c):
        x = c.input(0, True)
        return gradient(op(x), [x], c.input(1))

    return call


def cross_entropy(c):
    x, y = c.input(0), c.input(1)
    return lambda: F.cross_entropy(x, y, label_smoothing=0.1)


def cross_entropy_backward(c):
    x, y = c.input(0, True), c.input(1)
    return gradient(F.cross_entropy(x, y, label_smoothing=0.1), [x], torch.ones(()))


def transpose(c):
    x = torch.randn(c.inputs[0][1]).to(DTYPES[c.inputs[0][0]])
    return lambda: x.transpose(-2, -1).contiguous()


def mean_of_images(c):
    if len(c.inputs[0][1]) != 4:
        return None
    x = c.input(0)
    return lambda: x.mean((2, 3))


def ranger_step(c):
    network = entry()
    if c.inputs[2][1] != [sum(p.numel() for p in network.parameters())]:
        return None
    optimizer = fastai_ranger(network)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    return optimizer.step


def assign(c):
    to, given = c.input(0), c.input(1)
    return lambda: to.copy_(given)


def cast(c):
    x, dtype = c.input(0), DTYPES[c.outputs[0][0]]
    return lambda: x.to(dtype)


OPS = {
    **{f.__name__: f for f in (conv2d, conv2d_backward_input, conv2d_backward_weight, batch_norm, batch_norm_backward,
                               squeeze_excitation, squeeze_excitation_backward, max_blur_pool, max_blur_pool_backward, matmul,
                               cross_entropy, cross_entropy_backward, transpose, ranger_step, assign, cast)},
    **{name: binary(getattr(torch, name)) for name in ("add", "sub", "mul", "div", "maximum")},
    **{name: unary(ACTIVATIONS[name]) for name in ("relu", "mish", "silu", "gelu", "sigmoid", "tanh")},
    **{f"{name}_backward": unary_backward(ACTIVATIONS[name]) for name in ("relu", "mish", "silu", "gelu", "sigmoid", "tanh")},
    "sqrt": unary(torch.sqrt),
    "affine": unary(lambda x: x * 0.5),
    "mean": mean_of_images,
}
# Of these both layouts are tried; the others do not see it.
IMAGES = ("conv2d", "batch_norm", "squeeze_excitation", "max_blur_pool", "mean")


def setup(request):
    torch.set_num_threads(request["threads"])
    dtype = DTYPES[request["dtype"]]
    a, b = torch.randn(1024, 1024).to(dtype), torch.randn(1024, 1024).to(dtype)
    x = torch.zeros(2**27 // dtype.itemsize, dtype=dtype)
    y = torch.empty_like(x)
    return {"teraflops": 2 * 1024**3 / fastest(lambda: torch.matmul(a, b)) / 1e9,
            "gigabytesPerSecond": 2 * 2**27 / fastest(lambda: y.copy_(x)) / 1e6}


def timed(request):
    make, name = OPS.get(request["op"]), request["op"]
    if make is None:
        return {"ms": None, "layout": None}
    layouts = LAYOUTS if name.startswith(IMAGES) else ["nhwc"]
    times = {}
    for layout in layouts:
        call = make(Call(request, layout))
        if call is not None:
            times[layout] = fastest(call)
    if not times:
        return {"ms": None, "layout": None}
    layout = min(times, key=times.get)
    return {"ms": times[layout], "layout": layout if len(times) > 1 else None}


resident.serve({"setup": setup, "time": timed}, facts())
