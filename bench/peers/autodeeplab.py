"""One search step of the supernet of NoamRosenberg/autodeeplab on random images: autodeeplab.py checkout=<folder> [key=value ...].

The checkout stays as it is. Without a GPU two of its calls cannot run, and are answered here: `.cuda()` of a tensor, and the building of a CUDA
extension that the search does not use.
"""
import torch
import torch.utils.cpp_extension
from peer import measure, passes, settings

given = settings(checkout="", layers=12, filters=8, blocks=5, crop=321, batch=2, classes=19, threads=0)
if not torch.cuda.is_available():
    torch.Tensor.cuda = lambda tensor: tensor
    torch.utils.cpp_extension.load = lambda *_, **__: None

from auto_deeplab import AutoDeeplab  # noqa: E402  (found by `checkout`)

network = AutoDeeplab(
    given["classes"], given["layers"], filter_multiplier=given["filters"], block_multiplier=given["blocks"], step=given["blocks"]
)
images = torch.randn(given["batch"], 3, given["crop"], given["crop"])
labels = torch.randint(given["classes"], (given["batch"], given["crop"], given["crop"]))
measure(
    *passes(
        network,
        lambda: torch.nn.functional.cross_entropy(network(images), labels),
        [torch.optim.SGD(network.weight_parameters(), lr=0.025, momentum=0.9), torch.optim.Adam(network.arch_parameters(), lr=0.003)],
    )
)
