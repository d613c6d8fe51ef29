"""Run a Python program with an NVTX range round each call of a PyTorch module; the program stays as it is.

    python module_ranges.py SCRIPT ARGUMENT ...      (or -m MODULE ..., or -c CODE ...)

Started by its path, in whatever Python the program needs, so it imports nothing of nsysprof. A range is
called ``UNet.down_blocks.0 in=[2,4,128,128]``: the module's place in the outermost module that was called,
and the shapes of the tensors it was called with. It waits until the program itself imports torch.
"""

import builtins
import importlib.abc
import importlib.util
import runpy
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary


class AfterImport(importlib.abc.MetaPathFinder):
    """Calls ``then`` with a module as soon as that has been imported."""

    def __init__(self, name: str, then: Any) -> None:
        """Wait for the module ``name``."""
        self._name = name
        self._then = then

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Find it as if this finder were not there, and have ``then`` called after it is executed."""
        del path, target
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            plain, then = loader.exec_module, self._then

            def exec_module(module: ModuleType) -> None:
                plain(module)
                then(module)

            loader.exec_module = exec_module
        return spec


class ModuleRanges:
    """The hooks on all modules of a process."""

    def __init__(self, torch: Any, nvtx: Any) -> None:
        """Install them; ``nvtx`` has push and pop."""
        self._torch = torch
        self._nvtx = nvtx
        self._names: Any = WeakKeyDictionary()
        hooks = torch.nn.modules.module
        hooks.register_module_forward_pre_hook(self._before)
        hooks.register_module_forward_hook(self._after, always_call=True)  # on an error too

    def _before(self, module: Any, inputs: tuple[Any, ...]) -> None:
        if self._torch.compiler.is_compiling():
            return  # what is compiled runs without modules
        if module not in self._names:  # an outermost one, or one that came later
            root = type(module).__name__
            for path, inner in module.named_modules():
                self._names[inner] = f"{root}.{path}" if path else root
        shapes = ",".join(
            "[" + ",".join(map(str, value.shape)) + "]"
            for value in inputs
            if isinstance(value, self._torch.Tensor)
        )
        name = self._names[module]
        self._nvtx.push(f"{name} in={shapes}" if shapes else name)

    def _after(self, *_: Any) -> None:
        if not self._torch.compiler.is_compiling():
            self._nvtx.pop()


class Nvtx:
    """Push and pop, by PyTorch's own binding, which every nsys understands, else by the nvtx package."""

    def __init__(self, torch: Any) -> None:
        """Raise ImportError where there is neither."""
        if torch.version.cuda:
            self.push, self.pop = torch.cuda.nvtx.range_push, torch.cuda.nvtx.range_pop
        else:
            import nvtx

            self.push, self.pop = nvtx.push_range, nvtx.pop_range


def follow(torch: Any) -> None:
    """Put ranges round the calls of all modules from now on; say so where that cannot be."""
    try:
        ModuleRanges(torch, Nvtx(torch))
    except (ImportError, AttributeError, TypeError) as error:  # no nvtx, or a PyTorch before 2.1
        sys.stderr.write(f"nsysprof: no ranges round PyTorch's modules: {error}\n")


def run(words: Sequence[str]) -> None:
    """Run a program as ``python *words`` would."""
    first, rest = words[0], list(words[1:])
    if first == "-m":
        _set_out(rest, str(Path.cwd()))
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        _set_out(["-c", *rest[1:]], "")
        _run_code(rest[0], "<string>", {})
    else:
        path = str(Path.cwd() / first)
        _set_out([first, *rest], str(Path(path).resolve().parent))
        _run_code(Path(path).read_bytes(), path, {"__file__": path})


def _set_out(arguments: list[str], folder: str) -> None:
    """Set the arguments and, but under python -P, the first place of imports: it is this file's folder."""
    sys.argv = arguments
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def _run_code(code: str | bytes, name: str, known: dict[str, str]) -> None:
    """Run ``code`` as the main module, without the names of this one, which it must not change."""
    main = ModuleType("__main__")
    vars(main).update({**known, "__builtins__": builtins})
    sys.modules["__main__"] = main
    exec(compile(code, name, "exec", dont_inherit=True), vars(main))  # noqa: S102 - what python itself does


if __name__ == "__main__":
    sys.meta_path.insert(0, AfterImport("torch", follow))
    run(sys.argv[1:])
