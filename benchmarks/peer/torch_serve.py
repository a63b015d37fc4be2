"""Peer: a network of PyTorch behind FastAPI, in a process that stays. `deno task bench serve --peer` speaks to it.

    python torch_serve.py

{"setup": {"network", "weights", "names", "way", "dtype", "layout", "size", "channels", "threads", "statistics"}} loads the
weights, a state dict in safetensors by PyTorch's names or by those and the layout of `libtrain`, and serves `POST /predict`,
whose body is an image's file and whose answer is the three likeliest classes; it gives the port. Ways: `each` answers every request by itself, as FastAPI's threads do; `batched` gathers what was decoded
while a batch was under way, up to 64 images, as the library's server does; `compiled` does so by torch.compile with weights
frozen and any number of images.
"""
import resident

import asyncio
import io
import socket
import threading
import time

import numpy
import torch
import torch._inductor.config
import uvicorn
from fastapi import FastAPI, Request
from networks import LAYOUTS, build, facts
from PIL import Image
from safetensors.torch import load_file
from starlette.concurrency import run_in_threadpool

torch._inductor.config.freezing = True
LARGEST, WINDOW_S = 64, 0.005
running = None


def of_library(weights):
    """The library's names and kernels, [out, height, width, in], as PyTorch has them."""
    renamed = {"runningMean": "running_mean", "runningVariance": "running_var"}
    made = {}
    for name, each in weights.items():
        *path, last = name.split(".")
        made[".".join([*path, renamed.get(last, last)])] = each.permute(0, 3, 1, 2) if each.ndim == 4 else each
    return made


class Model:
    def __init__(self, setup):
        self.setup = setup
        torch.set_num_threads(setup["threads"])
        self.layout = LAYOUTS[setup["layout"]]
        if setup["statistics"]:
            self.mean, self.std = (torch.tensor(setup["statistics"][name])[:, None, None] for name in ("mean", "std"))
        network = build(setup["network"])
        weights = load_file(setup["weights"])
        network.load_state_dict(of_library(weights) if setup["names"] == "libtrain" else weights)
        self.parameters = sum(p.numel() for p in network.parameters())
        self.network = network.to(memory_format=self.layout).eval()
        self.forward = torch.compile(self.network, dynamic=True) if setup["way"] == "compiled" else self.network

    def decode(self, body):
        """An image's middle square, u8 [size, size, channels]; its shorter side was brought to the size."""
        size = self.setup["size"]
        image = Image.open(io.BytesIO(body))
        image = image.convert("RGB" if self.setup["channels"] == 3 else "L")
        scale = size / min(image.size)
        width, height = (max(size, round(scale * side)) for side in image.size)
        if (width, height) != image.size:
            image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        left, top = (width - size) // 2, (height - size) // 2
        pixels = numpy.asarray(image.crop((left, top, left + size, top + size)))
        return torch.from_numpy(pixels.copy()).reshape(size, size, self.setup["channels"])

    @torch.inference_mode()
    def answer(self, images):
        x = torch.stack(images).permute(0, 3, 1, 2).float().div_(255)
        if self.setup["statistics"]:
            x = (x - self.mean) / self.std
        x = x.contiguous(memory_format=self.layout)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.setup["dtype"] == "bf16"):
            top = self.forward(x).float().softmax(1).topk(3)
        return [
            [{"label": label, "probability": probability} for label, probability in zip(*each)]
            for each in zip(top.indices.tolist(), top.values.tolist())
        ]


class Batches:
    """What was decoded is answered together: the next batch is what came while one was under way."""

    def __init__(self, model):
        self.model, self.waiting, self.awake = model, [], asyncio.Event()
        self.task = asyncio.create_task(self.run())

    async def predict(self, body):
        pixels = await run_in_threadpool(self.model.decode, body)
        answered = asyncio.get_running_loop().create_future()
        self.waiting.append((pixels, answered))
        self.awake.set()
        return await answered

    async def run(self):
        while True:
            await self.awake.wait()
            if len(self.waiting) < LARGEST:
                await asyncio.sleep(WINDOW_S)
            batch, self.waiting = self.waiting[:LARGEST], self.waiting[LARGEST:]
            if not self.waiting:
                self.awake.clear()
            answers = await run_in_threadpool(self.model.answer, [pixels for pixels, _ in batch])
            for (_, answered), answer in zip(batch, answers):
                if not answered.done():
                    answered.set_result(answer)


def application(model, way):
    app = FastAPI()
    batches = None

    async def each(body):
        return await run_in_threadpool(lambda: model.answer([model.decode(body)])[0])

    async def batched(body):
        nonlocal batches
        batches = batches or Batches(model)
        return await batches.predict(body)

    answer = each if way == "each" else batched

    @app.post("/predict")
    async def predict(request: Request):
        return {"predictions": [{"guesses": await answer(await request.body())}]}

    return app


class Running:
    def __init__(self, setup):
        self.model = Model(setup)
        self.socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(application(self.model, setup["way"]), log_level="warning", access_log=False)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self):
        self.server.should_exit = True
        self.thread.join()


def setup(request):
    global running
    if running is not None:
        running.stop()
    start = time.time()
    running = Running(request)
    port = running.socket.getsockname()[1]
    return {"parameters": running.model.parameters, "first_step_s": round(time.time() - start, 2), "port": port}


def memory(_):
    return {"whole_peak_mib": resident.whole_peak_mib()}


def versions():
    import fastapi

    return {**facts(), "fastapi": fastapi.__version__, "uvicorn": uvicorn.__version__}


resident.serve({"setup": setup, "memory": memory}, versions())
if running is not None:
    running.stop()
