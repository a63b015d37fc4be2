"""The other side of decode_compare.ts: paths come in, a line each; out go a line of JSON and the RGB bytes that PIL gives.

A file that PIL refuses as it is, but not as corrupt, is tried again with LOAD_TRUNCATED_IMAGES.
"""

import io
import json
import sys
import warnings

from PIL import Image, ImageFile, features

warnings.simplefilter("ignore")
Image.MAX_IMAGE_PIXELS = None


def load(data, lenient):
    ImageFile.LOAD_TRUNCATED_IMAGES = lenient
    image = Image.open(io.BytesIO(data), formats=["JPEG", "PNG", "WEBP"])
    return image.convert("RGB")


def answer(data):
    try:
        return load(data, False), {"lenient": False}
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    if "broken data stream" in reason or "unrecognized data" in reason:
        return None, {"error": reason}
    try:
        image = load(data, True)
    except Exception:
        return None, {"error": reason}
    # An image of zeros is what is left where the decoder gave nothing.
    return (image, {"lenient": True, "error": reason}) if image.getbbox() else (None, {"error": reason})


def main():
    libraries = {name: features.version(name) for name in ("pil", "libjpeg_turbo", "zlib", "webp")}
    print(json.dumps(libraries), flush=True)
    for line in sys.stdin:
        with open(json.loads(line), "rb") as file:
            image, about = answer(file.read())
        if image is not None:
            about |= {"width": image.size[0], "height": image.size[1]}
        print(json.dumps(about), flush=True)
        if image is not None:
            sys.stdout.buffer.write(image.tobytes())
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
