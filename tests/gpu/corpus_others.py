"""Workloads of attention backends, optimizers, and of other users of the GPU: CuPy, Numba, JAX."""

import importlib
import os
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from gpu.corpus_ops import Builder, Work, each, forward_backward
from torch import nn

WORKLOADS: dict[str, Builder] = {}
FLOATS = (torch.float16, torch.bfloat16, torch.float32)


def workload(function: Builder) -> Builder:
    """Register a builder under its own name."""
    WORKLOADS[function.__name__] = function
    return function


def _attention(backend: Any, queries: torch.Tensor, keys: torch.Tensor, options: dict[str, Any]) -> Work:
    from torch.nn.attention import sdpa_kernel

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(q, k, v, **options)

    return forward_backward(attend, queries, keys, keys)


def _grouped(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)


@workload
def sdpa(device: str) -> Work:
    from torch.nn.attention import SDPBackend

    backends = (
        SDPBackend.FLASH_ATTENTION,
        SDPBackend.EFFICIENT_ATTENTION,
        SDPBackend.MATH,
        SDPBackend.CUDNN_ATTENTION,
    )
    shapes = ((1024, 1024, 64), (4096, 77, 64), (512, 512, 128), (256, 256, 40), (1, 2048, 128))
    works: list[Work] = []
    for dtype in FLOATS:
        for length, keys, dim in (*shapes, (300, 300, 256), (1024, 1024, 512)):
            q = torch.randn(2, 8, length, dim, device=device, dtype=dtype)
            kv = torch.randn(2, 8, keys, dim, device=device, dtype=dtype)
            mask = torch.zeros(2, 8, length, keys, device=device, dtype=dtype)
            choices: tuple[dict[str, Any], ...] = (
                {},
                {"is_causal": True},
                {"attn_mask": mask},
                {"dropout_p": 0.1},
            )
            works += [_attention(backend, q, kv, options) for backend in backends for options in choices]
            few = torch.randn(2, 2, keys, dim, device=device, dtype=dtype)
            works.append(forward_backward(_grouped, q, few, few))
        works += _attention_layers(device, dtype)
    return each(*works)


def _attention_layers(device: str, dtype: torch.dtype) -> list[Work]:
    layer = nn.MultiheadAttention(512, 8, batch_first=True).to(device, dtype)
    x = torch.randn(2, 128, 512, device=device, dtype=dtype)
    parts = [torch.randn(length, 8, 64, device=device, dtype=dtype) for length in (100, 37)]
    jagged = torch.nested.nested_tensor(parts, layout=torch.jagged).transpose(1, 2)

    def fast() -> None:
        with torch.inference_mode():
            layer.eval()(x, x, x, need_weights=False)

    train = forward_backward(lambda t: layer.train()(t, t, t), x)
    return [train, fast, lambda: F.scaled_dot_product_attention(jagged, jagged, jagged)]


def _step(name: str, options: dict[str, Any], device: str) -> Work:
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64)).to(device)
    momentum = {"momentum": 0.9} if name == "SGD" else {}

    def run() -> None:
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.1, **options, **momentum)
        model(torch.randn(8, 64, device=device)).sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    return run


@workload
def optimizers(device: str) -> Work:
    names = (
        "SGD", "Adam", "AdamW", "Adagrad", "RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop",
        "Adafactor",
    )  # fmt: skip
    options: tuple[dict[str, Any], ...] = (
        {"foreach": True},
        {"foreach": False},
        {"fused": True},
        {"foreach": True, "maximize": True, "weight_decay": 0.1},
    )
    works = [_step(name, option, device) for name in names for option in options]
    return each(*works, lambda: _mixed_precision(device), lambda: _foreach(device))


def _mixed_precision(device: str) -> None:
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), fused=device == "cuda")
    scaler = torch.amp.GradScaler(device)
    averages = torch.optim.swa_utils
    average = averages.AveragedModel(model, multi_avg_fn=averages.get_ema_multi_avg_fn(0.9))
    with torch.autocast(device, torch.float16 if device == "cuda" else torch.bfloat16):
        loss = model(torch.randn(8, 64, device=device)).square().mean()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    nn.utils.clip_grad_value_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    average.update_parameters(model)


def _foreach(device: str) -> None:
    xs = [torch.rand(100, device=device) for _ in range(5)]
    for name in ("add", "mul", "sub", "div", "maximum", "clamp_min", "pow"):
        getattr(torch, f"_foreach_{name}")(xs, 2)
        getattr(torch, f"_foreach_{name}")(xs, xs)
    for name in ("sqrt", "exp", "neg", "abs", "reciprocal", "sigmoid", "norm", "zero_", "max"):
        getattr(torch, f"_foreach_{name}")(xs)
    torch._foreach_addcdiv(xs, xs, xs)
    torch._foreach_addcmul(xs, xs, xs)
    torch._foreach_lerp(xs, xs, 0.5)
    torch._foreach_copy_(xs, xs)


@workload
def cupy_arrays(device: str) -> Work:
    if device == "cpu":
        return lambda: None
    numpy: Any = importlib.import_module("numpy")
    if not hasattr(numpy, "row_stack"):  # CuPy asks for it, NumPy 2 has it no more
        numpy.row_stack = numpy.vstack
    cp = importlib.import_module("cupy")
    source = 'extern "C" __global__ void my_copy(const float* a, float* b) { b[0] = a[0]; }'
    whole = ("sum", "sort", "exp", "cumsum", "argsort", "unique", "nonzero", "var", "prod", "diff")

    def run() -> None:
        x = cp.random.rand(1000, 1000)
        for name in whole:
            getattr(cp, name)(x)
        _ = x + x, x @ x, cp.fft.fft(x), x.mean(0), x.max(1), x.astype(cp.float32), cp.concatenate([x, x])
        _ = cp.linalg.inv(x), cp.where(x > 0.5, x, 0), x[x > 0.5], x.T.copy(), cp.take(x, cp.arange(10), 0)
        _ = cp.random.randn(1000), cp.dot(x[0], x[0]), cp.tensordot(x, x), cp.bincount(cp.arange(10))
        _ = cp.zeros(1000), cp.linspace(0, 1, 10), cp.linalg.svd(x[:50, :50])
        cp.RawKernel(source, "my_copy")((1,), (32,), (cp.zeros(32, "f"), cp.zeros(32, "f")))
        cp.cuda.Device().synchronize()

    return run


@workload
def numba_kernels(device: str) -> Work:
    if device == "cpu":
        return lambda: None
    cuda = importlib.import_module("numba.cuda")

    def saxpy(a: Any, x: Any, y: Any) -> None:
        i = cuda.grid(1)
        if i < x.size:
            y[i] += a * x[i]

    compiled = cuda.jit(saxpy)
    x = torch.rand(1 << 20, device=device)

    def run() -> None:
        array = cuda.as_cuda_array(x)
        compiled[4096, 256](2.0, array, array)
        cuda.synchronize()

    return run


def _jax_functions(jax: Any, dtype: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    jnp, key = jax.numpy, jax.random.PRNGKey(0)
    x = jax.random.normal(key, (512, 512), dtype)
    image = jax.random.normal(key, (8, 32, 56, 56), dtype)
    kernel = jax.random.normal(key, (64, 32, 3, 3), dtype)
    heads = jax.random.normal(key, (2, 256, 8, 64), dtype)

    def convolve(a: Any, k: Any) -> Any:
        return jax.lax.conv(a, k, (1, 1), "SAME")

    def pool(a: Any) -> Any:
        window = (1, 1, 2, 2)
        return jax.lax.reduce_window(a.astype(jnp.float32), -jnp.inf, jax.lax.max, window, window, "VALID")

    def convolution_loss(a: Any, k: Any) -> Any:
        return convolve(a, k).sum().astype(jnp.float32)

    def log_loss(a: Any) -> Any:
        return -jnp.sum(jax.nn.log_softmax(a @ a)[:, 0]).astype(jnp.float32)

    def factor(a: Any) -> Any:
        return jnp.linalg.cholesky((a @ a.T).astype(jnp.float32) + 1e4 * jnp.eye(512))

    matrix_functions = [
        lambda a: jax.nn.gelu(a @ a + 1),
        lambda a: jax.nn.softmax(a @ a),
        lambda a: (a - a.mean(-1, keepdims=True)) / (a.std(-1, keepdims=True) + 1),
        lambda a: a.T + a,
        jnp.sort,
        lambda a: jnp.cumsum(a, -1),
        lambda a: jnp.concatenate([a, a + 1]),
        lambda a: a[jnp.arange(0, 512, 3)],
        lambda a: a.at[jnp.arange(10)].add(1),
        lambda a: jax.random.normal(key, (1000, 1000)) + a.sum().astype(jnp.float32),
        lambda a: jnp.fft.fft(a.astype(jnp.float32)),
        lambda a: jax.lax.top_k(a, 5),
        factor,
        jax.grad(log_loss),
        lambda a: jax.lax.scan(lambda c, v: (c + v, c * v), a[0], a),
        lambda a: jnp.pad(a, 3),
        lambda a: jnp.einsum("ij,kj->ik", a, a),
    ]
    return [
        *((function, (x,)) for function in matrix_functions),
        (convolve, (image, kernel)),
        (jax.grad(convolution_loss, (0, 1)), (image, kernel)),
        (lambda a: jax.nn.dot_product_attention(a, a, a), (heads,)),
        (pool, (image,)),
        (lambda a: jax.image.resize(a, (8, 32, 112, 112), "bilinear"), (image,)),
    ]


@workload
def jax_xla(device: str) -> Work:
    if device == "cpu":
        return lambda: None
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    jax = importlib.import_module("jax")

    def runner(function: Any, arguments: tuple[Any, ...]) -> Work:
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*arguments))

    types = (jax.numpy.float32, jax.numpy.bfloat16)
    return each(*(runner(*pair) for dtype in types for pair in _jax_functions(jax, dtype)))
