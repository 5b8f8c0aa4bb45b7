"""A training step and an inference of a network in Python's torch, eager, channels last: network.py graph=<file> [key=value ...].

The graph is the one that bench/networkStep.mjs writes, so that both compute the same; each is done once to warm up, and the fastest of `rounds` is
printed as JSON.
"""
import json
import math
import time

import torch
from peer import settings
from torch import nn
from torch.nn import functional

given = settings(checkout=".", graph="", size=321, batch=2, rounds=3, threads=0)
with open(given["graph"]) as file:
    graph = json.load(file)
rank, nodes = graph["rank"], graph["nodes"]
Convolution = (nn.Conv2d, nn.Conv3d)[rank - 2]
BatchNorm = (nn.BatchNorm2d, nn.BatchNorm3d)[rank - 2]
InstanceNorm = (nn.InstanceNorm2d, nn.InstanceNorm3d)[rank - 2]
pools = {"average": (nn.AvgPool2d, nn.AvgPool3d)[rank - 2], "max": (nn.MaxPool2d, nn.MaxPool3d)[rank - 2]}
MODE = ("bilinear", "trilinear")[rank - 2]
LAYOUT = (torch.channels_last, torch.channels_last_3d)[rank - 2]


def layer(node, channels):
    """The module of a node whose first input has `channels`, or None, and the number of channels of its output."""
    kind = node["kind"]
    if kind == "convolution":
        kernel = node["kernel"] if isinstance(node["kernel"], list) else [node["kernel"]] * rank
        module = Convolution(
            channels,
            node["outputs"],
            kernel,
            stride=node["stride"],
            dilation=node["dilation"],
            padding=[node["dilation"] * (side - 1) // 2 for side in kernel],
            groups=channels if node["depthwise"] else 1,
            bias=node["bias"],
        )
        return module, node["outputs"]
    if kind == "norm":
        if node["over"] == "batch":
            return BatchNorm(channels, eps=node["epsilon"], momentum=node["momentum"]), channels
        return InstanceNorm(channels, eps=node["epsilon"], affine=True), channels
    if kind == "pool":
        more = {"count_include_pad": False} if node["mode"] == "average" else {}
        return pools[node["mode"]](node["kernel"], node["stride"], (node["kernel"] - 1) // 2, **more), channels
    return None, channels


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict()
        channels = []
        for i, node in enumerate(nodes):
            if node["kind"] == "input":
                channels.append(node["channels"])
                continue
            module, outputs = layer(node, channels[node["inputs"][0]])
            if module is not None:
                self.layers[str(i)] = module
            channels.append(sum(channels[j] for j in node["inputs"]) if node["kind"] == "concat" else outputs)

    def forward(self, images):
        values = []
        for i, node in enumerate(nodes):
            inputs = [values[j] for j in node["inputs"]]
            kind = node["kind"]
            if kind == "input":
                value = images
            elif str(i) in self.layers:
                value = self.layers[str(i)](inputs[0])
            elif kind == "relu":
                value = functional.relu(inputs[0])
            elif kind == "add":
                value = sum(inputs[1:], inputs[0])
            elif kind == "concat":
                value = torch.cat(inputs, 1)
            elif kind == "globalPool":
                value = inputs[0].mean(dim=tuple(range(2, 2 + rank)), keepdim=True)
            elif kind == "resize":
                value = self.resize(node["to"], inputs[0], values)
            elif kind == "shift":
                value = inputs[0][(slice(None), slice(None)) + (slice(1, None),) * rank]
            else:
                value = inputs[0]  # drop path, which is off
            values.append(value)
        return values[-1]

    @staticmethod
    def resize(to, value, values):
        size = value.shape[2:]
        if "like" in to:
            target = values[to["like"]].shape[2:]
        elif "times" in to:
            target = [math.floor(side * to["times"]) for side in size]
        else:
            target = [2 * side - 1 if to["factor"] == 2 else math.ceil(side / 2) for side in size]
        return value if list(target) == list(size) else functional.interpolate(value, list(target), mode=MODE, align_corners=True)


def measure(work):
    work()
    taken = []
    for _ in range(given["rounds"]):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        taken.append({"seconds": time.perf_counter() - wall, "cpuSeconds": time.process_time() - cpu})
    return min(taken, key=lambda times: times["cpuSeconds"])


network = Network().to(memory_format=LAYOUT)
optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
sides = (given["size"],) * rank
images = torch.randn(given["batch"], nodes[0]["channels"], *sides).contiguous(memory_format=LAYOUT)
labels = torch.zeros(given["batch"], *sides, dtype=torch.int64)


def train():
    optimizer.zero_grad(set_to_none=True)
    functional.cross_entropy(network(images), labels).backward()
    optimizer.step()


def infer():
    with torch.no_grad():
        network(images)


training = measure(train)
network.eval()
print(json.dumps({"training": training, "inference": measure(infer), "parameters": sum(p.numel() for p in network.parameters())}))
