"""Kernels as a tree: category, library, family, kernel."""

from collections.abc import Callable, Sequence

from nsysprof.measure.results import KernelGroup, KernelHotspot

_LEVELS: tuple[Callable[[KernelHotspot], str], ...] = (
    lambda kernel: kernel.category,
    lambda kernel: kernel.library,
    lambda kernel: kernel.family,
)


def kernel_tree(kernels: Sequence[KernelHotspot], total_ns: int) -> tuple[KernelGroup, ...]:
    """Return the categories of kernels with libraries, families and kernels below, each largest first.

    total_ns: time of all GPU work, of which shares are parts.
    """
    return _groups(kernels, total_ns, 0)


def _groups(kernels: Sequence[KernelHotspot], total_ns: int, level: int) -> tuple[KernelGroup, ...]:
    if level == len(_LEVELS):
        found = [KernelGroup(one.name, one.total_ns, one.count, one.share) for one in kernels]
    else:
        members: dict[str, list[KernelHotspot]] = {}
        for kernel in kernels:
            members.setdefault(_LEVELS[level](kernel), []).append(kernel)
        found = []
        for name, group in members.items():
            ns, count = sum(one.total_ns for one in group), sum(one.count for one in group)
            share = ns / total_ns if total_ns else 0.0
            found.append(KernelGroup(name, ns, count, share, _groups(group, total_ns, level + 1)))
    return tuple(sorted(found, key=lambda one: (-one.ns, one.name)))
