"""Print how many unique kernel names are classified in a second, by what they have in common.

python -m bench.bench_classify      (tests/ and the repository's root on the path)
"""

import time
from collections.abc import Callable

from nsysprof.classify import classify_kernel, classify_names
from nsysprof.classify.rules import builtin_rules

COUNT = 100_000
_OPERATORS = [
    "add", "mul", "view", "clone", "_to_copy", "silu", "gelu", "native_group_norm", "sum", "mean", "rsqrt",
    "pow", "cat", "slice", "expand", "permute", "convolution", "div", "sub", "exp", "amax", "embedding",
    "index", "where", "sigmoid",
]  # fmt: skip


def of_the_rules(number: int) -> str:
    """Return a rule's example with another last parameter: kernels of many libraries."""
    examples = [rule.example for rule in builtin_rules()]
    example = examples[number % len(examples)]
    return f"{example[:-1]}, {number})" if example.endswith(")") else f"{example}_{number}"


def compiled(number: int) -> str:
    """Return a kernel of torch.compile that fuses 2 to 10 operators."""
    digits = [number * step for step in (1, 7, 11, 13, 17, 19, 23, 29, 31, 37)]
    operators = [_OPERATORS[(digit // 3) % len(_OPERATORS)] for digit in digits[: 2 + number % 9]]
    return f"triton_{('poi', 'per', 'red')[number % 3]}_fused_{'_'.join(operators)}_{number}"


def own(number: int) -> str:
    """Return a kernel that only words tell something about, with a name of its own."""
    operator = _OPERATORS[number % len(_OPERATORS)]
    thing = f"my_{operator}_thing{number}"
    return f"void proj{number % 997}::{thing}<float, {number}>(float const*, float*, int)"


def elementwise(number: int) -> str:
    """Return an elementwise kernel of PyTorch with a functor of its own."""
    functor = (
        f"at::native::(anonymous namespace)::op{number}_kernel(at::TensorIteratorBase&)::{{lambda()#2}}::"
        "operator()() const::{lambda()#3}::operator()() const::{lambda(c10::Half)#1}, std::array<char*, 3ul>"
    )
    return f"void at::native::vectorized_elementwise_kernel<4, {functor} >(int, {functor})"


def main() -> None:
    """Measure and print."""
    classify_kernel("the first name compiles the rules")
    shapes: tuple[Callable[[int], str], ...] = (of_the_rules, compiled, own, elementwise)
    for shape in shapes:
        names = [shape(number) for number in range(COUNT)]
        start, cpu = time.perf_counter(), time.process_time()
        classify_names(names)
        elapsed, busy = time.perf_counter() - start, time.process_time() - cpu
        rate = f"{COUNT / busy:,.0f} a second"
        print(f"{shape.__name__}: {COUNT} unique names in {elapsed:.2f} s ({busy:.2f} s of one core), {rate}")


if __name__ == "__main__":
    main()
