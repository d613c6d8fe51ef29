"""A kernel's facts as one sentence for an engineer who is new to GPUs."""

from nsysprof.classify.facts import KernelFacts, Shape

_MEANINGS = {
    "gemm": "matrix product",
    "fmha": "fused attention",
    "conv": "convolution",
    "elementwise": "calculation on each element by itself",
    "norm": "normalisation",
    "softmax": "softmax",
    "reduction": "reduction (many numbers to few)",
    "layout": "change of memory layout",
    "copy": "copy",
    "index": "gather or scatter by index",
    "resample": "pooling or resampling",
    "random": "generation of random numbers",
    "sort": "sort, scan or selection",
    "optimizer": "optimizer update over a list of tensors",
    "loss": "loss",
    "rnn": "recurrent cell",
    "fft": "Fourier transform",
    "linalg": "factorisation or solver step",
    "sparse": "sparse matrix operation",
    "communication": "communication between GPUs",
    "unknown": "kernel of a kind that no rule knows",
}
_LIBRARIES = {
    "cublas": "cuBLAS", "cublasLt": "cuBLASLt", "cudnn": "cuDNN", "cutlass": "CUTLASS",
    "pytorch": "PyTorch", "flash-attention": "FlashAttention", "inductor": "torch.compile",
    "nccl": "NCCL", "cub": "CUB", "thrust": "Thrust", "cusparse": "cuSPARSE", "cusolver": "cuSOLVER",
    "cufft": "cuFFT", "magma": "MAGMA", "triton": "Triton", "tensorrt": "TensorRT", "cupy": "CuPy",
    "xla": "XLA", "vllm": "vLLM", "flashinfer": "FlashInfer",
}  # fmt: skip
_GENERATIONS = {
    "sm50": "Maxwell", "sm52": "Maxwell", "sm60": "Pascal", "sm61": "Pascal", "sm70": "Volta",
    "sm72": "Volta", "sm75": "Turing", "sm80": "Ampere", "sm86": "Ampere", "sm89": "Ada",
    "sm90": "Hopper", "sm100": "Blackwell", "sm103": "Blackwell", "sm120": "Blackwell",
}  # fmt: skip
_DIRECTIONS = {
    "fprop": "forward",
    "dgrad": "gradient of the input",
    "wgrad": "gradient of the weights",
    "forward": "forward",
    "backward": "backward",
}
_EPILOGUES = {
    "relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "swish": "Swish", "bias": "a bias",
    "drelu": "ReLU's gradient", "dgelu": "GELU's gradient", "bgrada": "the gradient of a bias (over A)",
    "bgradb": "the gradient of a bias (over B)",
}  # fmt: skip
_ALGORITHMS = {
    "implicit_gemm": "done as a matrix product over patches that are never stored (implicit GEMM)",
    "winograd": "by the Winograd transform",
    "flash": "without ever storing the matrix of attention weights",
    "flash over parts of the keys": "over parts of the keys that are merged afterwards",
    "depthwise": "of each channel by itself (depthwise)",
    "memory-efficient": "without ever storing the matrix of attention weights",
    "persistent reduction": "with each row held by one block",
    "looped reduction": "with a loop over each row",
}

_WIDEST_LOAD = 16
"""Bytes that one instruction loads, on GPUs before Blackwell."""


def sentence(facts: KernelFacts) -> str:
    """Return one sentence that says what the kernel is and what its name tells."""
    parts = [
        _subject(facts),
        _types(facts),
        _tiling(facts),
        _attention(facts),
        _hardware(facts),
        _access(facts),
    ]
    parts += [_arrangement(facts), _finish(facts)]
    return "; ".join(part for part in parts if part) + "."


def _subject(facts: KernelFacts) -> str:
    words = [f"{_LIBRARIES.get(facts.library, facts.library)}'s" if facts.library else "A"]
    words.append(_MEANINGS.get(facts.category, facts.category))
    if facts.direction:
        words.append(f"({_DIRECTIONS.get(facts.direction, facts.direction)})")
    if facts.functor:
        words.append(f"doing '{' '.join(facts.functor.replace('_', ' ').split())}'")
    if facts.algorithm in _ALGORITHMS:
        words.append(_ALGORITHMS[facts.algorithm])
    if facts.architecture:
        generation = _GENERATIONS.get(facts.architecture)
        words.append(
            f"for {generation} GPUs ({facts.architecture})"
            if generation
            else f"for {facts.architecture.title()} GPUs"
        )
    return " ".join(words)


def _types(facts: KernelFacts) -> str:
    if facts.element_type:
        return f"on elements taken as {facts.element_type}, cast where they are of another type"
    if not facts.operand_type:
        return f"{facts.output_type} results" if facts.output_type else ""
    inputs = facts.operand_type
    if facts.second_operand_type:
        inputs += f" and {facts.second_operand_type}"
    words = f"{inputs} inputs" if facts.accumulator_type or facts.output_type else f"on {inputs} data"
    if facts.accumulator_type:
        words += f", sums kept in {facts.accumulator_type}"
    return f"{words}, {facts.output_type} results" if facts.output_type else words


def _tiling(facts: KernelFacts) -> str:
    if not facts.tile or facts.category == "fmha":
        return ""
    words = f"each thread block computes a {_times(facts.tile[:2])} tile of the result"
    if len(facts.tile) > 2:
        words += f", walking along K in tiles of {facts.tile[2]}"
    if facts.stages and facts.stages > 1:
        words += f" in {facts.stages} stages, so that loads run ahead of the arithmetic"
    return words


def _attention(facts: KernelFacts) -> str:
    if facts.category != "fmha" or not facts.tile:
        return ""
    if facts.rows_per_step:
        words = f"each block holds {facts.tile[0]} keys and values"
        words += f" and takes {facts.rows_per_step} rows of Q per step"
    else:
        words = f"each block works on {facts.tile[0]} queries against {facts.tile[1]} keys at a time"
    if facts.head_dim:
        words += f", for heads of {facts.head_dim} numbers"
    if facts.causal is not None:
        words += ", causal" if facts.causal else ", not causal"
    if facts.dropout is not None:
        words += ", with dropout" if facts.dropout else ", no dropout"
    return words


def _hardware(facts: KernelFacts) -> str:
    words = []
    if facts.warps:
        count = _product(facts.warps)
        arranged = f", arranged {_times(facts.warps)}" if len(facts.warps) > 1 and count > 1 else ""
        words.append(f"{count} warp{'s' * (count > 1)} ({32 * count} threads) a block{arranged}")
    elif facts.warp_groups:
        count = _product(facts.warp_groups)
        words.append(f"{count} group{'s' * (count > 1)} of 4 warps for the arithmetic of a tile")
    elif facts.threads:
        words.append(f"{facts.threads} threads a block")
    if facts.elements_per_thread:
        words.append(f"{facts.elements_per_thread} elements a thread")
    if facts.mma:
        words.append(f"tensor cores multiply {_times(facts.mma)} at once")
    if facts.cluster and _product(facts.cluster) > 1:
        words.append(f"clusters of {_times(facts.cluster)} blocks share what they load")
    return ", ".join(words)


def _access(facts: KernelFacts) -> str:
    if facts.vector_width == 1 or not (facts.vector_width or facts.vector_bytes):
        return ""
    verb = "writes" if facts.output_type and not facts.operand_type else "loads"
    size = f"{facts.vector_bytes} bytes" if facts.vector_bytes else ""
    if facts.vector_width:
        size = f"{facts.vector_width} elements" + (f" ({size})" if size else "")
    return f"a thread {verb} {size} {'at once' if (facts.vector_bytes or 0) <= _WIDEST_LOAD else 'in a row'}"


def _arrangement(facts: KernelFacts) -> str:
    words = []
    if facts.operand_layout and len(facts.operand_layout) >= 2:
        first, second = (_transposed(letter) for letter in facts.operand_layout[:2])
        words.append(f"A is {first} and B is {second}")
    if facts.tensor_layout:
        words.append(f"layout {facts.tensor_layout.upper().replace(' TO ', ' to ')}")
    return ", ".join(words)


def _transposed(letter: str) -> str:
    return {"n": "not transposed", "t": "transposed", "c": "conjugate-transposed"}.get(letter, letter)


def _finish(facts: KernelFacts) -> str:
    words = []
    if facts.split_k and facts.category == "gemm" and facts.family and "educe" in facts.family:
        words.append("it adds up the parts of a sum that was split over several blocks (split-K)")
    elif facts.split_k:
        words.append("the sum over K is split over several blocks and added up afterwards (split-K)")
    if facts.epilogue:
        names = " and ".join(_EPILOGUES.get(item, item) for item in facts.epilogue)
        words.append(f"its epilogue can apply {names}, which does not say that one was asked for")
    return ", ".join(words)


def _times(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)


def _product(shape: Shape) -> int:
    result = 1
    for size in shape:
        result *= size
    return result
