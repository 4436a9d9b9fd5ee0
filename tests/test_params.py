"""Params by their old names, and components made from the values of their Params."""

import inspect
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field

from invprob.errors import BadParams
from invprob.params import Configurable, Params, Spec


class WalkParams(Params):
    """A walk."""

    renamed: ClassVar = {"eta": "step_size"}

    step_size: float = Field(0.5, gt=0, le=2, description="Length of a step.")
    steps: tuple[Annotated[int, Field(ge=1)], ...] = Field((3,), description="Steps by stage.")
    note: str | None = Field(None, description="A remark.")


class Walk(Configurable):
    """A walk through the latents."""

    params_type = WalkParams
    positional = ("step_size",)
    params: WalkParams


class Held(Configurable):
    """A walk in a mask.

    Args:
        mask: Where it may go.

    Raises:
        ValueError: Never.
    """

    params_type = WalkParams

    def __init__(self, mask, *, note="none", **values):
        self.params = self.read(**values, note=note)
        self.mask = mask


def test_values_by_name_are_judged_by_the_model():
    assert Walk(steps=(1, 2)).params == WalkParams(steps=(1, 2))
    assert Walk(0.1).params.step_size == 0.1
    assert Walk().params == Walk.from_params(WalkParams()).params == Walk(WalkParams()).params
    assert Held("m", steps=(2,)).params == WalkParams(steps=(2,), note="none")


@pytest.mark.parametrize(
    ("args", "values", "said"),
    [
        ((), {"stepz": 1}, "Walk.stepz: there is no such parameter"),
        ((), {"step_size": 3}, "Walk.step_size: must be less than or equal to 2 (got 3)"),
        ((0.1, 0.2), {}, "Walk: 0.2 is given without the name of a parameter"),
        ((0.1,), {"step_size": 1}, "Walk: 'step_size' is given twice"),
        ((Params(),), {}, "Walk takes one WalkParams alone, not Params"),
        ((WalkParams(),), {"steps": (1,)}, "not WalkParams and more by name"),
    ],
)
def test_bad_values_get_a_sentence(args, values, said):
    with pytest.raises(BadParams) as error:
        Walk(*args, **values)
    assert said in error.value.message


def test_signature_and_help_follow_from_the_model():
    shown = inspect.signature(Walk).parameters
    assert list(shown) == ["step_size", "steps", "note"]
    assert shown["step_size"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert shown["steps"].default == (3,)
    assert shown["steps"].annotation == tuple[int, ...]
    assert Walk.__doc__ == (
        "A walk through the latents.\n\nArgs:\n    step_size: Length of a step. [> 0, ≤ 2]\n"
        "    steps: Steps by stage.\n    note: A remark."
    )


def test_a_constructor_of_its_own_comes_first():
    shown = inspect.signature(Held).parameters
    assert list(shown) == ["mask", "note", "step_size", "steps"]
    assert shown["note"].default == "none"
    assert (
        Held.__doc__.index("mask:") < Held.__doc__.index("steps:") < Held.__doc__.index("Raises:")
    )


def test_an_old_name_is_accepted_with_a_notice():
    with pytest.warns(FutureWarning, match=r"refuses the old names eta \(now step_size\)"):
        assert Walk(eta="0.25").params.step_size == 0.25


def test_old_and_new_name_together_are_refused():
    with pytest.raises(BadParams, match="'eta' is the old name of 'step_size', and both are given"):
        Walk(eta=1, step_size=1)


class Several(Params):
    steps: tuple[Annotated[int, Field(ge=1)], ...] = (1,)
    box: str = Field("1x1", pattern=r"^\d+x\d+$")
    kind: Literal["a", "b"] = "a"
    on: bool = False
    inner: Spec = Spec(name="x")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"steps": "1,x"}, "steps, value 2: must be a whole number (got 'x')"),
        ({"steps": [1, 0]}, "steps, value 2: must be greater than or equal to 1 (got 0)"),
        ({"box": "big"}, "box: must be of the form NxN (got 'big')"),
        ({"kind": "c"}, "kind: must be 'a' or 'b' (got 'c')"),
        ({"on": "perhaps"}, "on: must be true or false (got 'perhaps')"),
        ({"inner": 3}, "inner: must be written NAME:key=value (got 3)"),
    ],
)
def test_faults_are_said_in_our_words(values, said):
    with pytest.raises(BadParams) as caught:
        Several.parse(values, "solver s")
    assert caught.value.message == f"solver s.{said}"


class Numbers(Params):
    level: float = 1.0
    weights: tuple[float, ...] = (1.0,)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e-19, 1e19, 1e300])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_whose_squares_single_precision_lacks_are_refused(size, sign):
    for given in ({"level": sign * size}, {"weights": (0.0, sign * size)}):
        (name,) = given
        with pytest.raises(BadParams, match=f"{name}=.* is not 0 and not 1e-18 to 1e\\+18"):
            Numbers.parse(given)
    assert Numbers.parse({"level": 0, "weights": (0.0, sign * 1e-18, sign * 1e18)}).level == 0


def test_headings_name_every_parameter_once():
    from invprob.config.registry import registry

    grouped = 0
    for entry in registry().entries:
        model = entry.params()
        names = [name for part in model.sections().values() for name in part]
        assert sorted(names) == sorted(model.model_fields), entry.component.name
        assert "other" not in model.sections(), entry.component.name
        grouped += bool(model.headings)
    assert grouped


def test_what_headings_leave_out_comes_last():
    class Some(WalkParams):
        headings: ClassVar = {"first": ("note",)}

    rest = tuple(name for name in WalkParams.model_fields if name != "note")
    assert list(Some.sections().items()) == [("first", ("note",)), ("other", rest)]
    assert WalkParams.sections() == {"": tuple(WalkParams.model_fields)}


def test_parameters_are_shown_under_their_headings(capsys):
    from invprob import cli

    assert cli.call(["show", "solver", "sgilo"]) == 0
    first = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert [line for line in first if line.endswith(":")][:2] == ["start:", "annealing:"]
