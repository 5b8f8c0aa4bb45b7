"""One search step of MONAI's DiNTS (`TopologySearch`) on a random volume: monai_dints.py checkout=<folder> [key=value ...]."""
import torch
from peer import measure, passes, settings

given = settings(checkout="", layers=12, width=0.5, crop=64, batch=1, classes=3, threads=0)

from monai.networks.nets.dints import DiNTS, TopologySearch  # noqa: E402  (found by `checkout`)

space = TopologySearch(
    channel_mul=given["width"], num_blocks=given["layers"], num_depths=4, use_downsample=True, device="cpu"
)
network = DiNTS(dints_space=space, in_channels=1, num_classes=given["classes"], use_downsample=True)
side = (given["crop"],) * 3
images = torch.randn(given["batch"], 1, *side)
labels = torch.randint(given["classes"], (given["batch"], *side))
measure(
    *passes(
        network,
        lambda: torch.nn.functional.cross_entropy(network(images), labels),
        [
            torch.optim.SGD(network.weight_parameters(), lr=0.025, momentum=0.9),
            torch.optim.Adam([space.log_alpha_a, space.log_alpha_c], lr=0.008),
        ],
    )
)
