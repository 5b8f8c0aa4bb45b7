"""Values of pycocotools for the tests of src/data/outlines: python3 recordMasks.py <seed> > masks.json (recorded: seed 1, pycocotools 2.0.11)."""
import json, random, sys
import numpy as np
from pycocotools import mask as api

draw = random.Random(int(sys.argv[1]))


def polygon():
    width, height = draw.randint(1, 60), draw.randint(1, 60)
    kind = draw.randrange(6)
    points = draw.randint(3, 12)
    margin = draw.choice([0, 0, 8])  # some leave the image
    ring = []
    for k in range(points):
        x = draw.uniform(-margin, width + margin)
        y = draw.uniform(-margin, height + margin)
        if kind == 1:
            x, y = round(x), round(y)
        elif kind == 2:
            x, y = round(x * 2) / 2, round(y * 2) / 2
        elif kind == 3:
            x, y = round(x * 5) / 5, round(y * 5) / 5
        elif kind == 4 and k > 0 and draw.random() < 0.5:
            x, y = (ring[-2], y) if draw.random() < 0.5 else (x, ring[-1])  # along an axis
        elif kind == 5 and k > 0 and draw.random() < 0.3:
            x, y = ring[-2], ring[-1]  # a point twice
        ring += [x, y]
    code = api.frPyObjects([ring], height, width)[0]
    return {"size": [width, height], "ring": ring, "counts": code["counts"].decode()}


def mask():
    most = 300 if draw.random() < 0.02 else 40
    width, height = draw.randint(1, most), draw.randint(1, most)
    pixels = np.zeros((height, width), dtype=np.uint8)
    for _ in range(draw.randint(0, 4)):
        left, top = draw.randrange(width), draw.randrange(height)
        pixels[top : top + draw.randint(1, height), left : left + draw.randint(1, width)] ^= 1
    flat = pixels.flatten(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate(([0], edges, [flat.size]))).tolist()
    if flat[0] == 1:
        runs = [0] + runs
    return {
        "size": [width, height],
        "counts": api.encode(np.asfortranarray(pixels))["counts"].decode(),
        "runs": runs,
        "rows": int((pixels.astype(np.int64).flatten() * (1 + np.arange(pixels.size) % 1009)).sum()),
    }


print("[" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in [polygon() for _ in range(500)] + [mask() for _ in range(500)]) + "]")
