"""The kernel categories and CUDA API classes: stable keys, and labels for people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of GPU work."""

    key: str
    """Stable key, used in JSON and on the command line."""
    label: str
    """What people read."""
    meaning: str
    """What belongs to it, in a few words."""


CATEGORIES = (
    Category("gemm", "GEMM", "matrix products, matrix-vector and dot products, split-K reductions"),
    Category("fmha", "FMHA", "fused attention, forward and backward, and its helpers"),
    Category("conv", "cuDNN conv", "convolution forward, data and weight gradients, and helpers"),
    Category("elementwise", "Elementwise", "pointwise maths, casts and fills"),
    Category("norm", "Norm", "layer, group, batch and RMS norm"),
    Category("softmax", "Softmax", "softmax and log-softmax, forward and backward"),
    Category("reduction", "Reduction", "sums, means, maxima and norms"),
    Category("layout", "Layout", "NCHW/NHWC conversions, transposes and padding"),
    Category("copy", "Copy", "concatenation, splits, rolls and strided copies done by kernels"),
    Category("index", "Index", "gather, scatter, embedding and index_put"),
    Category("resample", "Resample", "pooling, up- and down-sampling, grid sampling"),
    Category("random", "Random", "random numbers and dropout masks"),
    Category("sort", "Sort", "sort, scan, select, top-k, histogram and unique"),
    Category("optimizer", "Optimizer", "foreach and fused parameter updates"),
    Category("loss", "Loss", "loss functions"),
    Category("rnn", "RNN", "recurrent cells"),
    Category("fft", "FFT", "Fourier transforms"),
    Category("linalg", "Linear algebra", "factorisations and solvers"),
    Category("sparse", "Sparse", "sparse matrix kernels"),
    Category("communication", "Communication", "NCCL, NVSHMEM and custom all-reduce"),
    Category("memcpy", "Memcpy", "copies done by the copy engines"),
    Category("memset", "Memset", "memory sets"),
    Category("unknown", "Unclassified", "no rule matched"),
)

CATEGORY_KEYS = tuple(category.key for category in CATEGORIES)
CATEGORY_LABELS = {category.key: category.label for category in CATEGORIES}

API_CLASSES = (
    "launch", "graph_launch", "malloc", "free", "memset", "memcpy", "sync",
    "event", "stream", "module", "host_alloc", "query", "other",
)  # fmt: skip
"""Keys of the CUDA API classes, in the order of display."""
