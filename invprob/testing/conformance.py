"""The checks in pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from invprob.errors import BadParams, nearest
from invprob.testing.check import Failed
from invprob.testing.collect import Modules, Trial, trials
from invprob.testing.renamed import current


def conformance(
    name: str,
    *,
    expected_failures: Mapping[str, str] | None = None,
    examples: Mapping[str, Mapping[str, Any]] | None = None,
    modules: Modules | None = None,
) -> Callable[[Trial], None]:
    """A test function, with one case for each check of the plugin (or component) `name`.

        test_conformance = conformance("my-plugin", expected_failures={"thing.memory-flat": "why"})

    Expected failures are strict: one that passes fails. `examples` gives, by component, parameters
    to try it with instead of the examples of its params model. `modules` are (plugin, manifest
    module, distribution) triples, those installed if None. Raises `BadParams` if an expected
    failure names no check.
    """
    import pytest

    found = trials(name, examples, modules)
    expected = current(expected_failures or {})
    for key in expected.keys() - {trial.name for trial in found}:
        raise BadParams(f"no check is called {key!r}", nearest(key, [t.name for t in found]))

    def marks(trial: Trial) -> list[Any]:
        if trial.name not in expected:
            return []
        return [pytest.mark.xfail(reason=expected[trial.name], raises=Failed, strict=True)]

    cases = [pytest.param(trial, id=trial.name, marks=marks(trial)) for trial in found]

    @pytest.mark.parametrize("trial", cases)
    def test(trial: Trial) -> None:
        result = trial.run()
        if result.status == "skipped":
            pytest.skip(result.seen)
        if result.status == "failed":
            raise Failed(f"{trial.name}: {trial.check.advice}\nseen: {result.seen}")

    return test
