"""Run loops in several processes, each with several threads on streams of their own: for attribution.

Correlation ids repeat across processes, and every thread marks its own ``step {i}``.
"""

import argparse
import threading

import torch
from torch import multiprocessing, nn

from nsysprof.ranges import annotate, step


def loop(process: int, thread: int, steps: int) -> None:
    """Run ``steps`` steps of a small network on a stream of its own."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream), torch.no_grad(), annotate(f"process {process} thread {thread}"):
        layers = [nn.Linear(256, 256) for _ in range(6 + process)]
        model = nn.Sequential(*[part for layer in layers for part in (layer, nn.GELU())]).cuda()
        value = torch.randn(64 * (1 + thread), 256, device="cuda")
        for index in range(steps + process):
            with annotate(step(index)):
                value = nn.functional.layer_norm(model(value), (256,))
        stream.synchronize()


def worker(process: int, threads: int, steps: int) -> None:
    """Run every thread of one process."""
    torch.cuda.init()
    pool = [threading.Thread(target=loop, args=(process, index, steps)) for index in range(1, threads)]
    for thread in pool:
        thread.start()
    loop(process, 0, steps)
    for thread in pool:
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    pool = [
        context.Process(target=worker, args=(index, arguments.threads, arguments.steps))
        for index in range(1, arguments.processes)
    ]
    for process in pool:
        process.start()
    worker(0, arguments.threads, arguments.steps)
    for process in pool:
        process.join()
    print(f"{arguments.processes} processes, exit codes {[process.exitcode for process in pool]}")


if __name__ == "__main__":
    main()
