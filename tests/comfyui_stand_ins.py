"""Stand-ins for the places of ComfyUI that the runner's hook wraps, so that the hook itself runs in tests.

They keep ComfyUI's names, signatures and order of calls, and do no work.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

Message = dict[str, Any]


@contextlib.contextmanager
def _no_grad() -> Iterator[None]:
    yield


def trange(count: int, disable: Any = None) -> Iterator[int]:
    """Stand for tqdm's, which samplers loop over."""
    del disable
    return iter(range(count))


@_no_grad()  # ComfyUI's samplers are decorated so too
def sample_euler(model: Any, x: Any, sigmas: list[float], callback: Any) -> Any:
    """Stand for a sampler: a model call and a message in each iteration."""
    for i in trange(len(sigmas) - 1):
        model.apply_model(x, sigmas[i])
        callback(i)
    return x


def sample_adaptive(model: Any, x: Any, sigmas: list[float], callback: Any) -> Any:
    """Stand for a sampler that has no such loop."""
    model.apply_model(x, sigmas[0])
    callback(0)
    return x


def _load_models_gpu(models: Any) -> Any:
    return models


def make() -> dict[str, Any]:
    """Return fresh modules, by name, for ``sys.modules``."""

    class KSampler:
        def __init__(self, sampler_function: Callable[..., Any]) -> None:
            self.sampler_function = sampler_function

        def sample(self, model: Any, sigmas: list[float], callback: Any, noise: Any = None) -> Any:
            return self.sampler_function(model, noise, sigmas, callback=callback)

    class BaseModel:
        def apply_model(self, x: Any, t: Any) -> Any:
            del t
            return x

    class Clip:
        def encode_from_tokens(self, tokens: Any) -> Any:
            sys.modules["comfy.model_management"].load_models_gpu([self])
            return tokens

    class Vae:
        def decode(self, samples: Any) -> Any:
            return samples

    class PromptExecutor:
        def __init__(self, say: Callable[[Message], None]) -> None:
            self.say = say

        def execute(self, prompt: Any, prompt_id: str, extra_data: Any, execute_outputs: Any = ()) -> None:
            del prompt_id, extra_data
            asyncio.run(self.execute_async(prompt, list(execute_outputs)))

        async def execute_async(self, prompt: Any, messages: list[Message]) -> None:
            """Say ``messages``; those about a node while it runs."""
            dynprompt = SimpleNamespace(get_node=prompt.__getitem__)
            while messages:
                if messages[0]["type"] != "executing" or not messages[0]["data"]["node"]:
                    self.say(messages.pop(0))
                    continue
                said = [messages.pop(0)]
                while messages and messages[0]["type"] in ("progress", "progress_state", "executed"):
                    said.append(messages.pop(0))
                await sys.modules["execution"].execute(self, dynprompt, said, said[0]["data"]["node"])

    names: dict[str, dict[str, Any]] = {
        "execution": {"PromptExecutor": PromptExecutor, "execute": execute},
        "server": {"PromptServer": SimpleNamespace(instance=SimpleNamespace(routes=Routes()))},
        "comfy": {},
        "comfy.samplers": {"KSAMPLER": KSampler},
        "comfy.model_base": {"BaseModel": BaseModel},
        "comfy.sd": {"CLIP": Clip, "VAE": Vae},
        "comfy.model_management": {
            "load_models_gpu": _load_models_gpu,
            "get_torch_device": lambda: SimpleNamespace(type="cpu"),
        },
        "aiohttp": {},
        "aiohttp.web": {"json_response": lambda content: content},
    }
    modules = {name: ModuleType(name) for name in names}
    for name, module in modules.items():
        vars(module).update(names[name])
    return modules


async def execute(server: Any, dynprompt: Any, said: list[Message], node: str) -> None:
    """Stand for ``execution.execute``: one node, with what is to be said meanwhile."""
    node_is = dynprompt.get_node(node)
    steps = [message for message in said if message["type"] == "progress"]
    for message in said:
        if message["type"] != "progress":
            server.say(message)
    if node_is["class_type"] == "CLIPTextEncode":
        sys.modules["comfy.sd"].CLIP().encode_from_tokens(node_is["inputs"]["text"])
    elif node_is["class_type"] == "VAEDecode":
        sys.modules["comfy.sd"].VAE().decode(node)
    elif steps:
        count = node_is["inputs"]["steps"]

        def callback(i: int) -> None:
            server.say({"type": "progress", "data": {**steps[0]["data"], "value": i + 1, "max": count}})

        function = sample_adaptive if node_is["inputs"]["sampler_name"] == "dpm_adaptive" else sample_euler
        sampler = sys.modules["comfy.samplers"].KSAMPLER(function)
        sampler.sample(sys.modules["comfy.model_base"].BaseModel(), [0.0] * (count + 1), callback)


class Routes:
    """Stands for the server's route table, to which custom nodes may add."""

    def __init__(self) -> None:
        """Start empty."""
        self.added: dict[str, Callable[[Any], Any]] = {}

    def get(self, path: str) -> Callable[[Any], Any]:
        """Return what keeps the handler of ``path``."""

        def add(handler: Any) -> Any:
            self.added[path] = handler
            return handler

        return add
