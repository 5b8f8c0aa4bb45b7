"""A ResNet-50 with random weights in torch, named as torchvision names it, and what it makes of an image.

python3 torchResnet.py <folder>: writes weights.safetensors (the state dict), and output.safetensors with the image (in colours from 0 to 1), the features of
the last stage at output stride 16, and the first convolution behind its norm, of the image as it is and of the image normalised as torchvision does.
"""
import json
import struct
import sys
from pathlib import Path

import torch
from torch import nn


def norm(channels):
    return nn.BatchNorm2d(channels)


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride, dilation, downsample):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = norm(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, dilation, dilation, bias=False)
        self.bn2 = norm(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = norm(4 * planes)
        if downsample:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * planes, 1, stride, bias=False), norm(4 * planes))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = norm(64)
        inputs = 64
        # The last stage dilates instead of halving; its first block has the dilation of the stage before.
        for stage, (planes, blocks, stride, dilation) in enumerate([(64, 3, 1, 1), (128, 4, 2, 1), (256, 6, 2, 1), (512, 3, 1, 2)]):
            layers = []
            for i in range(blocks):
                layers.append(Bottleneck(inputs, planes, stride if i == 0 else 1, 1 if i == 0 else dilation, i == 0))
                inputs = 4 * planes
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(2048, 1000)

    def stem(self, x):
        return self.bn1(self.conv1(x))

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.stem(x)), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def save(tensors, file):
    """The safetensors format: header length, JSON header, data."""
    names = {torch.float32: "F32", torch.int64: "I64"}
    header, offset, data = {}, 0, []
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        data.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(file, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for raw in data:
            out.write(raw)


torch.manual_seed(0)
network = ResNet().eval()
for module in network.modules():
    if isinstance(module, nn.BatchNorm2d):
        # Statistics that nothing is equal without, and sums that stay near one.
        nn.init.uniform_(module.weight, 0.5, 1)
        nn.init.uniform_(module.bias, -0.2, 0.2)
        nn.init.uniform_(module.running_mean, -0.2, 0.2)
        nn.init.uniform_(module.running_var, 0.5, 1.5)
image = torch.rand(1, 3, 65, 97)
mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
with torch.no_grad():
    folder = Path(sys.argv[1])
    save(network.state_dict(), folder / "weights.safetensors")
    outputs = {
        "image": image,
        "features": network(2 * image - 1),
        "stem": network.stem((image - mean) / deviation),
    }
    save(outputs, folder / "output.safetensors")
