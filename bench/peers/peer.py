"""What the peers share: settings from the command line, and two search steps of which the second is measured, as bench/searchStep.mjs does."""
import json
import resource
import sys
import time

import torch


def settings(**defaults):
    """key=value words of the command line over `defaults`, whose types they take; `checkout` is put first on Python's path."""
    for word in sys.argv[1:]:
        key, _, value = word.partition("=")
        if key not in defaults:
            sys.exit(f"expected one of {', '.join(defaults)} as key=value, got {word!r}")
        defaults[key] = type(defaults[key])(value)
    sys.path.insert(0, defaults["checkout"])
    if defaults["threads"] > 0:
        torch.set_num_threads(defaults["threads"])
    torch.manual_seed(0)
    return defaults


def measure(weights, architecture):
    """Runs both passes twice and prints the cost of the second time as one line of JSON."""
    taken = {}
    for _ in range(2):
        for name, work in (("weight", weights), ("architecture", architecture)):
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            taken[f"{name}Seconds"] = time.perf_counter() - wall
            taken[f"{name}CpuSeconds"] = time.process_time() - cpu
    taken["peakBytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(taken))


def passes(network, loss, optimizers):
    """One function for each optimizer: forward, backward, update."""

    def one(optimizer):
        def work():
            network.zero_grad(set_to_none=True)
            loss().backward()
            optimizer.step()

        return work

    return [one(optimizer) for optimizer in optimizers]
