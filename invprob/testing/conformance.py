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
    """Make a test function for pytest, with one case for each check.

        test_conformance = conformance("my-plugin", expected_failures={"thing.memory-flat": "why"})

    Args:
        name: A plugin or a component, as for `trials`.
        expected_failures: Reasons by ``"component.check"``. They are strict: a check that passes
            although it is named here fails.
        examples: By component, parameters to try it with instead of the examples of its params
            model.
        modules: (plugin, manifest module, distribution) triples; None: those installed.

    Returns:
        The test, to be bound to a name that begins with ``test``.

    Raises:
        UnknownComponent: If nothing has this name.
        BadParams: If an expected failure names no check, or parameters are refused.
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
