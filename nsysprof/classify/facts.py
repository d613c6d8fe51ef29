"""What a kernel's name says about it, as fields; a field that the name does not tell is None."""

from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KernelFacts:
    """Facts read out of one kernel name; nothing in here is guessed."""

    name: str
    """The name as it was given."""
    category: str
    """Key of ``categories.CATEGORIES``."""
    library: str | None = None
    """Whose kernel it is, such as ``cublas``."""
    family: str | None = None
    """Short name without sizes and types."""
    architecture: str | None = None
    """GPU generation or compute capability that it was written for: ``ampere``, ``sm90``."""
    direction: str | None = None
    """``fprop``, ``dgrad`` or ``wgrad`` of a convolution; ``forward`` or ``backward`` of anything else."""
    algorithm: str | None = None
    """How it works: ``implicit_gemm``, ``winograd``, ``flash``, ``ring``, ``persistent reduction``, ..."""
    operand_type: str | None = None
    """Type of the inputs; of the first one where they differ."""
    second_operand_type: str | None = None
    """Type of the second input where it differs from the first one's."""
    element_type: str | None = None
    """Type to which inputs of types that the name does not tell are cast as they are loaded."""
    accumulator_type: str | None = None
    """Type in which sums are kept."""
    output_type: str | None = None
    """Type of the result."""
    tile: Shape | None = None
    """Rows, columns and depth (M, N, K) of what one thread block works on; K may be untold.

    Of attention: queries, keys, head dimension; with ``rows_per_step``: keys, head dimension.
    """
    stages: int | None = None
    """Tiles that are loaded ahead, in flight at once."""
    cluster: Shape | None = None
    """Thread blocks of a cluster that share loads, by dimension (Hopper and later)."""
    warps: Shape | None = None
    """Warps (32 threads each) of a thread block, by dimension of the tile."""
    warp_groups: Shape | None = None
    """Groups of 4 warps that do the arithmetic of one tile, by its dimensions; a block has more of them."""
    threads: int | None = None
    """Threads of a thread block."""
    mma: Shape | None = None
    """Shape (M, N, K) of the tensor cores' instruction."""
    operand_layout: str | None = None
    """``n`` (as it is) or ``t`` (transposed) for A and B, and for the result where it is told."""
    tensor_layout: str | None = None
    """Order of dimensions, such as ``nhwc``; ``nchw to nhwc`` for a conversion."""
    epilogue: tuple[str, ...] | None = None
    """What the kernel can apply to the result before it writes it: ``bias``, ``relu``, ``gelu``."""
    split_k: bool | None = None
    """Whether the sum over K is split over several thread blocks and reduced afterwards."""
    vector_width: int | None = None
    """Elements that a thread loads, or works on, at once."""
    vector_bytes: int | None = None
    """The same in bytes."""
    elements_per_thread: int | None = None
    """Elements that one thread handles."""
    alignment: int | None = None
    """Elements to which addresses must be aligned."""
    functor: str | None = None
    """What is applied to each element, or by what elements are reduced."""
    head_dim: int | None = None
    """Size of an attention head; the largest one supported where the name gives a limit."""
    causal: bool | None = None
    """Whether attention is masked to earlier positions."""
    dropout: bool | None = None
    """Whether attention drops weights at random."""
    rows_per_step: int | None = None
    """Rows of Q that attention takes at once where keys and values are the tile."""
