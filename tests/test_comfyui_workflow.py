"""Workflows: which node each option reaches, whatever the ids; what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from comfyui_options import DEFAULT_WORKFLOW
from comfyui_workflow import (
    SETTINGS,
    Graph,
    applied,
    load_workflow,
    samplers,
    schedule,
    slots,
    values,
    varied,
)

from nsysprof.errors import UsageError


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def where(graph: Graph) -> dict[str, list[str]]:
    """Return the places of each setting as ``node.input``."""
    found = {setting: [f"{slot.node}.{slot.key}" for slot in slots(graph, setting)] for setting in SETTINGS}
    return {setting: places for setting, places in found.items() if places}


def test_the_default_workflow() -> None:
    graph = load_workflow(DEFAULT_WORKFLOW)
    assert where(graph) == {
        "seed": ["sampler.seed"],
        "steps": ["sampler.steps"],
        "cfg": ["sampler.cfg"],
        "width": ["latent.width"],
        "height": ["latent.height"],
        "batch": ["latent.batch_size"],
        "checkpoint": ["checkpoint.ckpt_name"],
        "prompt": ["positive.text"],
        "negative_prompt": ["negative.text"],
    }
    assert values(graph) == {
        "seed": 0,
        "steps": 20,
        "cfg": 8.0,
        "width": 1024,
        "height": 1024,
        "batch": 1,
        "checkpoint": "",
        "prompt": "a photograph of an astronaut riding a horse on the moon",
        "negative_prompt": "",
    }
    assert schedule(graph) == "euler, normal"
    assert {one["class_type"] for one in graph.values()} == {
        "CheckpointLoaderSimple",
        "CLIPTextEncode",
        "EmptyLatentImage",
        "KSampler",
        "VAEDecode",
        "SaveImage",
    }


def test_two_passes_with_control_lora_and_values_in_nodes_of_their_own() -> None:
    graph = {
        "9": node("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
        "8": node("LoraLoader", model=["9", 0], clip=["9", 1], lora_name="b", strength_model=1.0),
        "7": node("PrimitiveString", value="a fox"),
        "6": node(
            "CLIPTextEncodeSDXL", clip=["8", 1], width=1024, height=1024, text_g=["7", 0], text_l="fox"
        ),
        "5": node("CLIPTextEncode", clip=["8", 1], text="blurry"),
        "4": node("ControlNetApplyAdvanced", positive=["6", 0], negative=["5", 0], strength=0.5),
        "3": node("EmptyLatentImage", width=["2", 0], height=512, batch_size=2),
        "2": node("PrimitiveInt", value=640),
        "1": node(
            "KSampler",
            model=["8", 0],
            positive=["4", 0],
            negative=["4", 1],
            latent_image=["3", 0],
            seed=["11", 0],
            steps=20,
            cfg=7,
        ),
        "10": node("LatentUpscale", samples=["1", 0], width=1280, height=1024),
        "11": node("Seed Everywhere", seed=7, control="fixed"),
        "12": node(
            "KSamplerAdvanced",
            model=["8", 0],
            positive=["4", 0],
            negative=["4", 1],
            latent_image=["10", 0],
            noise_seed=3,
            steps=10,
            cfg=5.5,
        ),
    }
    assert samplers(graph) == ["1", "12"]
    assert where(graph) == {
        "seed": ["11.seed", "12.noise_seed"],
        "steps": ["1.steps", "12.steps"],
        "cfg": ["1.cfg", "12.cfg"],
        "width": ["2.value"],
        "height": ["3.height"],
        "batch": ["3.batch_size"],
        "checkpoint": ["9.ckpt_name"],
        "prompt": ["6.text_l", "7.value"],
        "negative_prompt": ["5.text"],
    }
    assert values(graph)["steps"] is None
    assert values(graph)["cfg"] is None
    changed = applied(graph, {"prompt": "a cat", "width": 256, "seed": 5})
    assert (changed["7"]["inputs"], changed["6"]["inputs"]["text_l"]) == ({"value": "a cat"}, "a cat")
    assert changed["2"]["inputs"] == {"value": 256}
    assert (changed["11"]["inputs"]["seed"], changed["12"]["inputs"]["noise_seed"]) == (5, 5)
    assert changed["6"]["inputs"]["width"] == 1024
    assert changed["10"] == graph["10"]
    assert graph["7"]["inputs"] == {"value": "a fox"}  # untouched


GUIDED = {
    "sample": node(
        "SamplerCustomAdvanced",
        noise=["noise", 0],
        guider=["guider", 0],
        sampler=["euler", 0],
        sigmas=["sigmas", 0],
        latent_image=["latent", 0],
    ),
    "noise": node("RandomNoise", noise_seed=1),
    "guider": node("CFGGuider", model=["load", 0], positive=["text", 0], negative=["zero", 0], cfg=4.5),
    "euler": node("KSamplerSelect", sampler_name="euler"),
    "sigmas": node("BasicScheduler", model=["load", 0], scheduler="simple", steps=28, denoise=1.0),
    "latent": node("EmptySD3LatentImage", width=512, height=512, batch_size=1),
    "load": node("CheckpointLoaderSimple", ckpt_name="a"),
    "text": node("CLIPTextEncode", clip=["load", 1], text="a fox"),
    "zero": node("ConditioningZeroOut", conditioning=["text", 0]),
}


def test_a_guider_and_a_negative_made_of_the_positive() -> None:
    assert where(GUIDED) == {
        "seed": ["noise.noise_seed"],
        "steps": ["sigmas.steps"],
        "cfg": ["guider.cfg"],
        "width": ["latent.width"],
        "height": ["latent.height"],
        "batch": ["latent.batch_size"],
        "checkpoint": ["load.ckpt_name"],
        "prompt": ["text.text"],
    }


@pytest.mark.parametrize(
    ("setting", "option"), [("negative_prompt", "--negative-prompt"), ("width", "--width")]
)
def test_an_option_without_a_place(setting: str, option: str) -> None:
    graph = {
        **GUIDED,
        "latent": node("VAEEncode", pixels=["photo", 0]),
        "photo": node("LoadImage", image="x"),
    }
    with pytest.raises(UsageError, match=f"the workflow has no place for {option}: leave it out"):
        applied(graph, {setting: 1})


def test_a_varied_run_is_the_same_work_that_no_cache_knows() -> None:
    graph = {**GUIDED, "noise": node("RandomNoise", noise_seed=2**64 - 1)}
    assert varied(graph, 0) == graph
    assert varied(graph, 2) == {
        **graph,
        "noise": node("RandomNoise", noise_seed=1),
        "text": node("CLIPTextEncode", clip=["load", 1], text="a fox  "),
    }


def test_a_workflow_without_a_seed_cannot_be_varied() -> None:
    with pytest.raises(UsageError, match=r"has no seed.*--warmup 0 --no-baseline"):
        varied({**GUIDED, "noise": node("DisableNoise")}, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON: export it with"),
        (json.dumps({"nodes": [], "links": []}), "the editor's format: export it with 'Export \\(API\\)'"),
        ("[]", "not in API format"),
        ("{}", "not in API format"),
        (json.dumps({"1": {"class_type": "KSampler"}}), "not in API format"),
        (
            json.dumps({"1": node("LoadImage", image="x"), "2": node("SaveImage", images=["1", 0])}),
            "no sampler",
        ),
        (json.dumps({"1": node("KSampler", model=[["x"], 0], latent_image=["gone", 0])}), "no sampler"),
    ],
)
def test_what_is_no_workflow(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_workflow(path)


def test_a_missing_workflow(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the workflow mine\.json: No such file or directory"):
        load_workflow(tmp_path / "mine.json")
