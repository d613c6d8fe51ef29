"""Workloads of single operators, read from ``operators.toml``."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

Work = Callable[[], Any]
Builder = Callable[[str], Work]
FAILURES = (RuntimeError, NotImplementedError, ValueError, TypeError, AttributeError)
"""What an operator raises that does not take a type, or is not built for a device."""


def each(*works: Work) -> Work:
    """Run several, one after another; one that cannot run here must not hide the others."""

    def run() -> None:
        failures = []
        for work in works:
            try:
                work()
            except FAILURES as error:
                failures.append(error)
        if failures and len(failures) == len(works):
            raise failures[0]

    return run


def forward_backward(module: Callable[..., Any], *inputs: torch.Tensor) -> Work:
    """Call a module and go back through it."""
    leaves = [x.detach().requires_grad_(x.is_floating_point()) for x in inputs]

    def run() -> None:
        result = module(*leaves)
        while isinstance(result, tuple):
            result = result[0]
        result.float().sum().backward()

    return run


class Scope(dict[str, Any]):
    """The names that an expression may use, for one number type on one device."""

    def __init__(self, device: str, dtype: torch.dtype) -> None:
        """Bind torch's modules and the helpers that make tensors and layers of the type."""
        super().__init__(torch=torch, nn=nn, F=F, device=device, dtype=dtype)
        self.update(
            ones=self.ones, randn=self.randn, randint=self.randint, layer=self.layer, numbers=self.numbers
        )
        self.update(convolution=self.convolution, module_and_input=self.module_and_input)

    def ones(self, *shape: int) -> torch.Tensor:
        return torch.ones(shape, device=self["device"], dtype=self["dtype"])

    def randn(self, *shape: int) -> torch.Tensor:
        dtype = self["dtype"]
        made = torch.randn(shape, device=self["device"], dtype=dtype if dtype.is_complex else torch.float32)
        return made.to(dtype)

    def randint(self, end: int, *shape: int) -> torch.Tensor:
        return torch.randint(0, end, shape, device=self["device"])

    def layer(self, module: nn.Module) -> nn.Module:
        return module.to(self["device"], self["dtype"])

    @staticmethod
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    def convolution(
        self, case: str, memory: torch.memory_format = torch.contiguous_format
    ) -> tuple[Any, Any]:
        """Return the layer and the input of ``channels, ... | shape``."""
        sizes, shape = map(self.numbers, case.split("|"))
        layer: Any = nn.Conv2d(*sizes)
        return self.layer(layer).to(memory_format=memory), self.randn(*shape).to(memory_format=memory)

    def module_and_input(self, case: str) -> tuple[nn.Module, torch.Tensor]:
        """Return the module and the input of ``module | shape``."""
        module, shape = case.split("|")
        return self.layer(self.value(module)), self.randn(*self.numbers(shape))

    def value(self, expression: str) -> Any:
        """Return what an expression of ``operators.toml`` gives."""
        return eval(expression.strip(), self)  # noqa: S307

    def bind(self, statement: str) -> None:
        """Do one assignment of ``operators.toml``."""
        exec(statement, self)  # noqa: S102


def read_workloads(file: str = "operators.toml") -> dict[str, Builder]:
    """Return the builders of a file of operators by name."""
    tables = tomllib.loads(Path(__file__).with_name(file).read_text())
    whole = {name: {**tables.get(table.get("like", ""), {}), **table} for name, table in tables.items()}
    return {name: partial(_build, table) for name, table in whole.items()}


def _build(table: Mapping[str, Any], device: str) -> Work:
    works = [work for name in table["types"] for work in _works(table, device, getattr(torch, name))]

    def run() -> None:
        for setting, value in table.get("settings", {}).items():
            owner, _, attribute = setting.rpartition(".")
            setattr(eval(f"torch.backends.{owner}"), attribute, value)  # noqa: S307
        each(*works)()

    return run


def _works(table: Mapping[str, Any], device: str, dtype: torch.dtype) -> Iterator[Work]:
    """Yield what is to be run for one number type."""
    over = table.get("over", {})
    bound = [name for name in over if re.search(rf"\b{name}\b", " ".join(table["given"]))]
    for values in product(*(over[name] for name in bound)):
        scope = Scope(device, dtype)
        scope.update(zip(bound, values, strict=True))
        for statement in table["given"]:
            scope.bind(statement)
        for expression in _expanded(table.get("run", ()), over):
            yield partial(scope.value, expression)
        if dtype.is_floating_point or dtype.is_complex:
            for expression in _expanded(table.get("backward", ()), over):
                yield _backward(scope, expression, table["inputs"])


def _backward(scope: Scope, expression: str, inputs: list[str]) -> Work:
    leaves = {name: scope[name].detach().requires_grad_() for name in inputs}

    def run() -> None:
        inner = Scope(scope["device"], scope["dtype"])
        inner.update({**scope, **leaves})
        forward_backward(lambda: inner.value(expression))()

    return run


def _expanded(expressions: list[str], over: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield each expression for each value of the names in braces in it."""
    for expression in expressions:
        named = [name for name in over if f"{{{name}}}" in expression]
        for values in product(*(over[name] for name in named)):
            text = expression
            for name, value in zip(named, values, strict=True):
                text = text.replace(f"{{{name}}}", value)
            yield text


WORKLOADS = read_workloads()
