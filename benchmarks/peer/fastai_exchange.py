"""Peer: the entry's network in fastai, trained or measured on the images of an archive, as a JSON line.

pip install -r tests/fixtures/requirements.txt    (in a virtual environment)
python fastai_exchange.py train DATA.tgz --size 64 --steps 295 --save weights.safetensors
python fastai_exchange.py evaluate DATA.tgz --size 128 --weights weights.safetensors

Network, optimizer and loss are fastai's own, with kornia's MaxBlurPool2D for every max pool. The archive's images are square,
and are resized with PIL's antialiased bilinear filter, so the recipe's crop is the whole image. Training mirrors half of
them, at a constant rate. Both print top-1 on the validation images, sorted by class and file, and every answer.
"""
import argparse
import io
import json
import pathlib
import sys
import tarfile
import warnings

warnings.filterwarnings("ignore")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures"))

import numpy as np
import torch
from fastai.losses import LabelSmoothingCrossEntropy
from fastai.vision.models.xresnet import xse_resnext50
from make_fastai import ENTRY, blurred, entry_optimizer
from PIL import Image
from safetensors.torch import load_file, save_file

p = argparse.ArgumentParser()
p.add_argument("what", choices=["train", "evaluate"])
p.add_argument("data")
p.add_argument("--size", type=int, default=128)
p.add_argument("--steps", type=int, default=295)
p.add_argument("--batch", type=int, default=32)
p.add_argument("--seed", type=int, default=0)
p.add_argument("--threads", type=int, default=2)
p.add_argument("--weights")
p.add_argument("--save")
a = p.parse_args()


def images(split):
    """Pixels u8 [n, 3, h, w] and labels, by class and file."""
    found = []
    with tarfile.open(a.data) as archive:
        for entry in archive:
            parts = entry.name.split("/")
            if len(parts) < 4 or parts[-3] != split or not entry.isfile():
                continue
            image = Image.open(io.BytesIO(archive.extractfile(entry).read())).convert("RGB")
            found.append((parts[-2], parts[-1], np.asarray(image.resize((a.size, a.size), Image.BILINEAR))))
    found.sort(key=lambda each: each[:2])
    classes = sorted({name for name, _, _ in found})
    pixels = torch.from_numpy(np.stack([pixels for _, _, pixels in found])).permute(0, 3, 1, 2)
    return pixels, torch.tensor([classes.index(name) for name, _, _ in found])


def train(network):
    optimizer = entry_optimizer(network)
    pixels, labels = images("train")
    order = torch.randperm(len(labels))
    network.train()
    losses = []
    for step in range(a.steps):
        index = order[torch.arange(step * a.batch, (step + 1) * a.batch) % len(order)]
        x = pixels[index].float() / 255
        mirrored = torch.rand(len(index)) < 0.5
        x[mirrored] = x[mirrored].flip(3)
        loss = LabelSmoothingCrossEntropy()(network(x.contiguous(memory_format=torch.channels_last)), labels[index])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
network = blurred(xse_resnext50(n_out=10, **ENTRY)).to(memory_format=torch.channels_last)
if a.weights is not None:
    network.load_state_dict(load_file(a.weights))
losses = train(network) if a.what == "train" else []
if a.save is not None:
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, a.save)
network.eval()
pixels, labels = images("val")
with torch.no_grad():
    answers = torch.cat([network(part.float() / 255).argmax(1) for part in pixels.split(64)])
right = (answers == labels).sum().item()
print(json.dumps({"peer": "pytorch " + torch.__version__, "size": a.size, "steps": len(losses), "lastLoss": losses[-1] if losses else None,
                  "top1": right / len(labels), "right": right, "n": len(labels), "answers": answers.tolist()}))
