"""Times one call through Python's torch: reads the name of a case on each line, prints nanoseconds of the processor per call."""
import sys
import time
import torch

torch.set_num_threads(1)
torch.set_grad_enabled(False)
one, eight = torch.ones(1), torch.ones(8)
image, weight = torch.ones(1, 4, 8, 8), torch.ones(4, 4, 3, 3)
CASES = {
    "add [1]": lambda: torch.add(one, one),
    "relu [8]": lambda: torch.relu(eight),
    "reshape [8]": lambda: torch.reshape(eight, (2, 4)),
    "sum [8]": lambda: torch.sum(eight),
    "convolution [1, 4, 8, 8]": lambda: torch.convolution(image, weight, None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1),
}
print(torch.__version__, flush=True)
for line in sys.stdin:
    call = CASES[line.strip()]
    count = 20000
    for _ in range(2000):
        call()
    started = time.process_time_ns()
    for _ in range(count):
        call()
    print((time.process_time_ns() - started) / count, flush=True)
