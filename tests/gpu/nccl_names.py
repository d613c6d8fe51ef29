"""Write the kernels that collectives launch on several GPUs of one host, as rows of the set ``nccl``.

    torchrun --nproc-per-node 2 tests/gpu/nccl_names.py --out nccl.tsv.gz
    torchrun --nproc-per-node 2 tests/gpu/nccl_names.py --device cpu --out nccl.tsv.gz   # does it run at all?

Rank 0 is profiled. NCCL picks other algorithms and protocols by size and by ``NCCL_ALGO`` and ``NCCL_PROTO``.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
import torch.distributed as dist
from gpu.kernel_corpus import Row, kernels_by_operator, write_rows
from torch import nn

Work = Callable[[], Any]


def main() -> None:
    """Run every workload on every rank, in the same order; write what rank 0 saw."""
    parser = argparse.ArgumentParser(description="Write the kernels that collectives launch.")
    parser.add_argument("--out", type=Path, required=True, help="the result, a gzipped TSV")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    options = parser.parse_args()
    device = (
        torch.device(options.device, int(os.environ["LOCAL_RANK"])) if options.device == "cuda" else "cpu"
    )
    if options.device == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if options.device == "cuda" else "gloo")
    rows: list[Row] = []
    for name, work in workloads(device):
        try:
            rows += profiled(name, work, options.device)
        except (RuntimeError, ValueError, TypeError) as error:  # refused alike on every rank
            rows.append(
                ("nccl", name, "#error", str(error).replace("\t", " ").replace("\n", " ")[:300], 0, 0)
            )
        if dist.get_rank() == 0:
            write_rows(options.out, rows)
    if dist.get_rank() == 0:
        failed = [(row[1], row[3]) for row in rows if row[2] == "#error"]
        print(f"{len(rows)} rows, {len({row[2] for row in rows})} kernels, failed: {failed}")
    dist.destroy_process_group()


def profiled(name: str, work: Work, device: str) -> list[Row]:
    """Warm up, profile once on rank 0, and return the rows."""
    work()
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device == "cuda":
        torch.cuda.synchronize()
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    if dist.get_rank() != 0:
        work()
        return []
    with torch.profiler.profile(activities=activities) as profile:
        work()
        if device == "cuda":
            torch.cuda.synchronize()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_bytes().decode("utf-8", "replace"))["traceEvents"]
    found = kernels_by_operator(events).items()
    return [("nccl", name, kernel, chain, count, ns) for (kernel, chain), (count, ns) in found]


def workloads(device: Any) -> Iterator[tuple[str, Work]]:
    """Yield name and what to run."""
    types = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8)
    for dtype in types:
        for count in (1 << 8, 1 << 23):
            x = torch.ones(count, device=device, dtype=dtype)
            label = f"{str(dtype).removeprefix('torch.')}_{count}"
            for operation in ("SUM", "AVG", "MAX", "MIN", "PRODUCT"):
                chosen = getattr(dist.ReduceOp, operation)
                yield f"all_reduce_{operation.lower()}_{label}", partial(dist.all_reduce, x, chosen)
            yield from ((f"{name}_{label}", work) for name, work in movements(x))
    yield "distributed_data_parallel", data_parallel(device)
    yield "fully_sharded", sharded(device)


def movements(x: torch.Tensor) -> Iterator[tuple[str, Work]]:
    """Yield the collectives besides all_reduce for one tensor."""
    ranks, other = dist.get_world_size(), dist.get_rank() ^ 1
    whole, part = torch.cat([x] * ranks), torch.empty_like(x)

    def exchange() -> None:
        ways = [dist.P2POp(dist.isend, x, other), dist.P2POp(dist.irecv, part, other)]
        for request in dist.batch_isend_irecv(ways):
            request.wait()

    def send() -> None:
        (dist.send if dist.get_rank() == 0 else dist.recv)(part, other)

    yield "broadcast", lambda: dist.broadcast(part, 0)
    yield "reduce", lambda: dist.reduce(part, 0)
    yield "all_gather", lambda: dist.all_gather_into_tensor(whole, x)
    yield "reduce_scatter_sum", lambda: dist.reduce_scatter_tensor(part, whole)
    yield "reduce_scatter_avg", lambda: dist.reduce_scatter_tensor(part, whole, dist.ReduceOp.AVG)
    yield "reduce_scatter_max", lambda: dist.reduce_scatter_tensor(part, whole, dist.ReduceOp.MAX)
    yield "all_to_all", lambda: dist.all_to_all_single(torch.empty_like(whole), whole)
    if ranks == 2:
        yield "send_receive", send
        yield "exchange", exchange


def network(device: Any) -> nn.Sequential:
    """Return the layers that both parallel steps train."""
    return nn.Sequential(nn.Linear(256, 1024), nn.GELU(), nn.Linear(1024, 256), nn.LayerNorm(256)).to(device)


def data_parallel(device: Any) -> Work:
    """Return a training step under DistributedDataParallel."""
    model = nn.parallel.DistributedDataParallel(nn.SyncBatchNorm.convert_sync_batchnorm(network(device)))
    return step(model, device)


def sharded(device: Any) -> Work:
    """Return a training step under FSDP2, in bfloat16."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    model = network(device)
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for layer in (model[0], model[2]):
        fully_shard(layer, mp_policy=policy)
    fully_shard(model, mp_policy=policy)
    return step(model, device)


def step(model: nn.Module, device: Any) -> Work:
    """Return one training step."""
    optimizer = torch.optim.AdamW(model.parameters())
    x = torch.randn(64, 256, device=device)

    def run() -> None:
        model(x).float().square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return run


if __name__ == "__main__":
    main()
