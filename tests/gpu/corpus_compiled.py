"""Workloads of torch.compile and flex_attention, CUDA graphs and collectives."""

import importlib
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from gpu.corpus_models import inference, small
from gpu.corpus_ops import Work, each, forward_backward
from torch import nn

WORKLOADS: dict[str, Callable[[str], Work]] = {}


def workload(function: Callable[[str], Work]) -> Callable[[str], Work]:
    """Register a builder under its own name."""
    WORKLOADS[function.__name__] = function
    return function


@workload
def inductor_fusions(device: str) -> Work:
    if small(device):
        return lambda: None

    def rms(x: Any) -> Any:
        return x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6).to(x.dtype)

    def block(x: Any, w: Any) -> Any:
        return F.softmax(rms(x) @ w, -1).sum(-1) + F.layer_norm(F.silu(x) * x, (x.shape[-1],)).mean(-1)

    def image(x: Any, k: Any) -> Any:
        y = F.group_norm(F.conv2d(x, k, padding=1), 8)
        return F.interpolate(F.max_pool2d(F.relu(y), 2), scale_factor=2, mode="bilinear") + F.avg_pool2d(
            y, 3, 1, 1
        )

    def movements(x: Any, i: Any) -> Any:
        return (
            torch.cat([x[i], x.t()[i].contiguous()], 0),
            x.cumsum(0),
            x.gather(0, i[:, None].expand(-1, x.shape[1])),
            F.dropout(x, 0.1),
            x.sort(-1)[0],
            F.pad(x, (1, 1)),
            x.topk(3)[0],
        )

    def loss(x: Any, t: Any) -> Any:
        return (
            F.cross_entropy(x, t)
            + F.mse_loss(x, torch.zeros_like(x))
            + x.amax(0).mean()
            + x.std(-1).sum()
            + x.argmax(-1).float().mean()
        )

    dtype = torch.float16
    x, w = (
        torch.randn(512, 512, device=device, dtype=dtype),
        torch.randn(512, 512, device=device, dtype=dtype),
    )
    pixels, kernel = (
        torch.randn(2, 32, 64, 64, device=device, dtype=dtype),
        torch.randn(32, 32, 3, 3, device=device, dtype=dtype),
    )
    index = torch.randint(0, 512, (512,), device=device)
    table = torch.randn(512, 512, device=device)
    moved, lost = torch.compile(movements), torch.compile(loss)
    looked_up = torch.compile(lambda t: F.embedding(index, t).relu().sum(0))
    return each(
        forward_backward(torch.compile(block), x, w),
        forward_backward(torch.compile(image), pixels, kernel),
        lambda: moved(x, index),
        forward_backward(lambda y: lost(y, index), x),
        forward_backward(looked_up, table),
    )


@workload
def inductor_max_autotune(device: str) -> Work:
    if small(device):
        return lambda: None
    x = torch.randn(256, 512, device=device, dtype=torch.float16)
    layer = nn.Linear(512, 512).to(device, torch.float16)
    options = {
        "max_autotune": True,
        "max_autotune_gemm_backends": "TRITON",
        "coordinate_descent_tuning": False,
    }
    mm = torch.compile(lambda y: F.gelu(layer(y)), options=options)
    bmm = torch.compile(
        lambda y: torch.bmm(y.view(4, 64, 512), y.view(4, 64, 512).mT).relu(), options=options
    )
    return inference(each(lambda: mm(x), lambda: bmm(x)))


@workload
def flex_attention(device: str) -> Work:
    if small(device):
        return lambda: None
    flex = importlib.import_module("torch.nn.attention.flex_attention")
    attend = torch.compile(flex.flex_attention)
    mask = flex.create_block_mask(lambda *at: at[2] >= at[3], None, None, 512, 512, device=device)
    q = torch.randn(2, 8, 512, 64, device=device, dtype=torch.float16)
    decode = torch.randn(2, 8, 1, 64, device=device, dtype=torch.float16)
    return each(
        forward_backward(lambda q, k, v: attend(q, k, v, block_mask=mask), q, q, q),
        inference(lambda: attend(decode, q, q)),
    )


@workload
def compiled_training(device: str) -> Work:
    if small(device):
        return lambda: None
    model = nn.TransformerEncoderLayer(256, 4, 512, batch_first=True).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    forward, step = torch.compile(model), torch.compile(optimizer.step)
    x = torch.randn(8, 128, 256, device=device)

    def run() -> None:
        with torch.autocast(device, torch.bfloat16):
            F.mse_loss(forward(x).float(), x).backward()
        step()
        optimizer.zero_grad()

    return run


@workload
def cuda_graph(device: str) -> Work:
    if small(device):
        return lambda: None
    model, x = (
        nn.Sequential(nn.Linear(256, 256), nn.GELU(), nn.LayerNorm(256)).to(device),
        torch.randn(64, 256, device=device),
    )
    graph = torch.cuda.CUDAGraph()
    with torch.inference_mode():
        model(x)
        with torch.cuda.graph(graph):
            model(x)
    return lambda: graph.replay()


@workload
def distributed(device: str) -> Work:
    if small(device):
        return lambda: None
    import os

    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29511", RANK="0", WORLD_SIZE="1")
    dist = importlib.import_module("torch.distributed")
    if not dist.is_initialized():
        dist.init_process_group("nccl")
    x = torch.ones(1 << 20, device=device)

    def run() -> None:
        for operation in (dist.ReduceOp.SUM, dist.ReduceOp.AVG, dist.ReduceOp.MAX):
            dist.all_reduce(x, operation)
        dist.broadcast(x, 0)
        dist.all_gather_into_tensor(x, x.clone())
        dist.reduce_scatter_tensor(x, x.clone())
        dist.all_to_all_single(x, x.clone())

    return run
