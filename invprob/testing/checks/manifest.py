"""What a manifest owes: it is light, and what it says is true."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from typing import Any

from invprob.converter import Converter
from invprob.errors import InvprobError
from invprob.generator import Generator
from invprob.io.json_text import dumps
from invprob.operator import LinearOperator, Noise, Operator
from invprob.plugin import KINDS
from invprob.prior import Denoiser, LogDensity, Prior, Proximal, Score
from invprob.solver import Solver
from invprob.testing.check import PLUGIN, Failed, Inapplicable, check, require
from invprob.testing.target import Case, Plugin

CLASSES: dict[str, type] = {
    "solver": Solver,
    "operator": Operator,
    "noise": Noise,
    "generator": Generator,
    "prior": Prior,
    "converter": Converter,
}
ABILITIES: dict[str, type] = {
    "log_density": LogDensity,
    "score": Score,
    "denoiser": Denoiser,
    "proximal": Proximal,
    "linear": LinearOperator,
}
HEAVY = ("torch", "numpy", "PIL", "matplotlib", "scipy", "diffusers")
MANIFEST_HEAVY = (*HEAVY, "pydantic", "rich")

SCRIPT = """
import importlib, json, sys
manifest, params, *lists = sys.argv[1:]

class Watch:
    # notes who asks for heavy modules, and spares the time to load them
    def __init__(self):
        self.heavy, self.asked = [], set()

    def find_spec(self, name, path=None, target=None):
        if name in self.heavy:
            self.asked.add(name)
            raise ImportError(f"{name} is not loaded here", name=name)

watch = Watch()
sys.meta_path.insert(0, watch)
found = []
for modules, heavy in zip(([manifest], json.loads(params)), map(json.loads, lists)):
    watch.heavy, watch.asked = heavy, set()
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            if error.name not in heavy:
                raise
    found.append(sorted(watch.asked))
print("\\n" + json.dumps(found))
"""


@check(PLUGIN)
def manifest_loads(plugin: Plugin) -> None:
    """The manifest must import and its hook return a list of `invprob.plugin.Component`, each of a
    known kind and with `api` as in `invprob.plugin.API`."""
    require(not plugin.broken, plugin.broken)
    require(len(plugin.entries) > 0, "the hook returned no component")


@check(PLUGIN)
def manifest_imports_nothing_heavy(plugin: Plugin) -> None:
    """A manifest must import nothing heavy (no torch, numpy, pydantic, rich), and the modules of
    params no torch or numpy: import these within functions, or name them as strings."""
    if plugin.broken:
        raise Inapplicable("the manifest does not load")
    modules = sorted({e.component.params.partition(":")[0] for e in plugin.entries})
    names = (dumps(value) for value in (modules, MANIFEST_HEAVY, HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, plugin.module, *names],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    require(done.returncode == 0, (done.stderr.strip().splitlines() or ["it ends"])[-1])
    manifest, models = json.loads(done.stdout.splitlines()[-1])
    require(not manifest, f"the manifest imports {', '.join(manifest)}")
    require(not models, f"the modules of params import {', '.join(models)}")


@check(*KINDS)
def target_and_params_import(case: Case) -> None:
    """`target` and `params` must be ``"module:name"`` of something that can be imported."""
    case.entry.load()
    case.entry.params()


@check(*KINDS)
def summary_is_one_line(case: Case) -> None:
    """The summary must be one line of at most 100 characters that ends in a full stop."""
    text = case.entry.component.summary
    require("\n" not in text and text.strip() == text, f"the summary is {text!r}")
    require(text.endswith(".") and 1 < len(text) <= 100, f"the summary is {text!r}")


@check(*CLASSES)
def builds_from_example(case: Case) -> None:
    """The component must be built from an example of its params model (from the defaults if there
    is none) and what its kind gets besides; see `invprob.plugin.Component`."""
    thing = case.build().thing
    expected = CLASSES[case.kind]
    is_one = isinstance(thing, expected)
    require(is_one, f"the target makes a {type(thing).__name__}, no {expected.__name__}")


@check("trainer")
def trainer_is_generator_function(case: Case) -> None:
    """A trainer must be callable with ``(params, source, out)``, and a generator of records."""
    target = case.entry.load()
    try:
        inspect.signature(target).bind(None, None, None)
    except TypeError as error:
        require(False, str(error))
    require(
        inspect.isgeneratorfunction(target), "it is not a generator function: it does not yield"
    )


@check("operator", "prior")
def offers_match_class(case: Case) -> None:
    """`offers` must name exactly the abilities of the class: ``linear`` for a `LinearOperator`;
    ``log_density``, ``score``, ``denoiser``, ``proximal`` and ``pixels`` for a prior."""
    thing = case.make()
    able = {name for name, ability in ABILITIES.items() if isinstance(thing, ability)}
    said = set(case.offers) - {"pixels"}
    require(said == able, f"offers says {_listed(said)}, the class has {_listed(able)}")
    if "pixels" in case.offers:
        shape = thing.image_shape
        fits = shape is None or _is_shape(shape)
        require(fits, f"it offers pixels, and its image_shape is {shape}")


@check("solver")
def needs_are_known(case: Case) -> None:
    """`needs` must name nothing but ``generator`` and ``prior.`` with an ability (``log_density``,
    ``score``, ``denoiser``, ``proximal``), and `defaults` only a generator, a prior and samples."""
    known = {"generator", *(f"prior.{name}" for name in ABILITIES if name != "linear")}
    unknown = set(case.entry.component.needs) - known
    require(not unknown, f"needs names {_listed(unknown)}")
    kinds = {kind for kind, _ in case.entry.component.defaults}
    require(kinds <= {"generator", "prior", "samples"}, f"defaults names {_listed(kinds)}")


@check("solver", "prior")
def defaults_are_found(case: Case) -> None:
    """`defaults` must name components that are installed with the plugin, by their full names:
    a run of someone who says nothing is made of them."""
    for kind, name in case.entry.component.defaults:
        if kind != "samples":
            try:
                case.registry.find(kind, name)
            except InvprobError as error:
                raise Failed(f"of defaults, {error}") from None


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and len(shape) == 3 and all(isinstance(n, int) for n in shape)
