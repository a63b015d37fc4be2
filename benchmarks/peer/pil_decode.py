"""Peer: Pillow decodes and resizes every image of a folder, in processes of its own, to one file of pixels.

    python pil_decode.py FOLDER SIZE PROCESSES OUT

FOLDER holds one folder a class in `train` and `val`. Prints {"images", "seconds"}: from the list of files to the last
process's end. Images become RGB, and their shorter side SIZE, bilinear, as fastai's Resize does, then the middle is cut.
"""
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

ImageFile.LOAD_TRUNCATED_IMAGES = True


def pixels_of(path, size):
    image = Image.open(path).convert("RGB")
    width, height = image.size
    ratio = size / min(width, height)
    image = image.resize((max(size, round(width * ratio)), max(size, round(height * ratio))), Image.Resampling.BILINEAR)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size)))


folder, size, processes, out = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
start = time.perf_counter()
files = sorted(path for part in ("train", "val") for path in (folder / part).glob("*/*"))
cache = np.memmap(out, np.uint8, "w+", shape=(len(files), size, size, 3))
children = []
for first in range(processes):
    child = os.fork()
    if child == 0:
        for index in range(first, len(files), processes):
            try:
                cache[index] = pixels_of(files[index], size)
            except Exception as error:
                sys.stderr.write(f"{files[index]}: {error}\n")
                os._exit(1)
        os._exit(0)
    children.append(child)
if any(os.waitpid(child, 0)[1] != 0 for child in children):
    sys.exit("A process of the peer failed")
print(json.dumps({"images": len(files), "seconds": time.perf_counter() - start}))
