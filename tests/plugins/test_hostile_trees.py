"""Converters refuse trees in which anything may be something else; they never fail otherwise."""

import random

import pytest
import torch

from invprob.config.registry import registry
from invprob.errors import BadWeights
from invprob.weights.unpickle import Inert
from invprob.weights.unpickle.inert import Name
from tests.plugins.dps.guided_diffusion.guided_layout import UNet, random_unet
from tests.plugins.sgilo.published.layouts import (
    Spec,
    nvlabs_tree,
    random_weights,
    rosinality_tree,
    score_weights,
)

ODD = [
    *(None, True, -1, 0, 2**70, 1.5, float("nan"), "", "skip", "\x1b[31m", b"x"),
    *([], {}, (), set(), [[]], {"a": 1}, Name("os.system")),
    *(Inert("x"), Inert("x", {"_modules": {"b4": 3}})),
    *(torch.ones(()), torch.ones(2), torch.ones(0, 3), torch.full((4, 4), torch.nan)),
    *(
        torch.ones(6, dtype=torch.bool),
        torch.ones(6, dtype=torch.complex64),
        torch.full((6,), -1.0),
    ),
]
SPEC = Spec(base=64, most=4, z=2, w=2)
STYLEGAN = random_weights(SPEC)
UNET = random_unet(UNet(multipliers=(1, 2), blocks=1))
FORMS = {
    "nvlabs": lambda: nvlabs_tree(SPEC, STYLEGAN),
    "rosinality": lambda: rosinality_tree(SPEC, STYLEGAN),
    "sgilo": lambda: score_weights(),
    "nvlabs, a state dict": lambda: {"state_dict": dict(STYLEGAN)},
    "nvlabs, in a row": lambda: [nvlabs_tree(SPEC, STYLEGAN)["G_ema"]] * 2,
    "rosinality, a state dict": lambda: rosinality_tree(SPEC, STYLEGAN)["g_ema"],
    "gaussian fit": lambda: {"mean": torch.zeros(6), "std": torch.ones(6)},
    "guided": lambda: {"state_dict": dict(UNET)},
}


def as_read(value):
    """The tree that the reader gives for a persistent one of the layouts."""
    if hasattr(value, "meta"):
        return Inert(value.meta["class_name"], as_read(value.meta["state"]))
    if isinstance(value, dict):
        return {k: as_read(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_read(v) for v in value]
    return value.detach() if isinstance(value, torch.Tensor) else value


def places(tree, found):
    """(container, key) of everything in a tree."""
    inside = tree.state if isinstance(tree, Inert) else tree
    if isinstance(tree, Inert):
        found.append((tree, None))
    if isinstance(inside, list):
        inside = dict(enumerate(inside))
    if isinstance(inside, dict):
        for key, value in inside.items():
            found.append((inside, key))
            places(value, found)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_one_thing_may_be_another(form, tmp_path, monkeypatch):
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path))
    converters = [e.load()(e.params()()) for e in registry().of_kind("converter")]
    rng = random.Random(0)
    said: list[str] = []
    outcomes = {"refused": 0, "converted": 0, "unknown": 0}
    whole = as_read(FORMS[form]())
    (mine,) = (c for c in converters if c.recognise(whole))
    assert mine.convert(whole).tensors
    for _ in range(300):
        tree = as_read(FORMS[form]())
        container, key = rng.choice(places(tree, []))
        odd = rng.choice(ODD)
        if key is None:
            container.state = odd
        elif rng.random() < 0.2:
            container[rng.choice(["more", 3, None, Name("x.y"), "b8", "module.x"])] = odd
        else:
            container[key] = odd
        try:
            made = [c.convert(tree) for c in converters if c.recognise(tree)]
            outcomes["converted" if made else "unknown"] += 1
        except BadWeights as refusal:
            outcomes["refused"] += 1
            said.append(refusal.message)
    assert all(message.isprintable() for message in said)
    assert outcomes["refused"] > 100, outcomes
