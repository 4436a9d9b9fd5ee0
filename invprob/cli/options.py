"""Options that several commands share, and the experiment that they describe."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from invprob.cli import completion, streams
from invprob.cli.path_type import PATH as PATH
from invprob.errors import BadParams

if TYPE_CHECKING:
    from invprob.config.experiment import ResolvedExperiment
    from invprob.params import Spec


F = TypeVar("F", bound=Callable[..., Any])

DEVICES = ("auto", "cpu", "cuda", "mps")
BUNDLED = 2
"""How many of the bundled samples are used when nothing is said, so that this stays quick."""


def device(f: F) -> F:
    """``--device``."""
    text = "Where to compute.  [default: auto]"
    return click.option("--device", type=click.Choice(DEVICES), help=text)(f)


def settings(f: F) -> F:
    """``--set``, for fields of the experiment."""
    return click.option(
        "--set",
        "settings",
        type=completion.SettingType(),
        multiple=True,
        metavar="PATH=VALUE",
        help="Override any field, e.g. solver.steps=50. Repeatable.",
    )(f)


def download(f: F) -> F:
    """``--download``, which allows the weights of ``hf:OWNER/NAME`` to be fetched."""

    def told(_: click.Context, __: click.Parameter, given: bool) -> None:
        if given:
            from invprob.weights import consent

            consent.allow()

    return click.option(
        "--download",
        is_flag=True,
        expose_value=False,
        callback=told,
        help="Fetch weights that are named and not here; as INVPROB_DOWNLOAD=1.",
    )(f)


class _Batch(click.ParamType):  # type: ignore[type-arg] # no older click takes one
    """How many are computed at a time: a number, or ``auto``, which is None."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "auto":
            return None
        return click.IntRange(min=0).convert(value, param, ctx)


def batch(f: F) -> F:
    """``--batch``, the number of rows that are computed at a time."""
    text = "Rows (pictures × samples) at a time; 0: all; auto: what fits, at most 32 of many."
    return click.option("--batch", type=_Batch(), metavar="N", help=f"{text}  [default: auto]")(f)


def pictures_at_a_time(f: F) -> F:
    """``--batch``, the number of pictures that are computed at a time."""
    text = "Pictures at a time; 0: all; auto: what fits, at most 32 of many.  [default: auto]"
    return click.option("--batch", type=_Batch(), metavar="N", help=text)(f)


def workers(f: F) -> F:
    """``--workers`` and ``--scheduler``, who solve the chunks of a run."""
    several = "Solve in N processes, pictures shared out among them."
    f = click.option("--scheduler", metavar="URL", help="Solve on a running dask cluster.")(f)
    return click.option("--workers", type=click.IntRange(min=1), metavar="N", help=several)(f)


def observe(f: F) -> F:
    """``--observe``."""
    text = "What watches the run, e.g. csv:path=trace.csv or tensorboard. Repeatable."
    kind = completion.SpecType("observer")
    return click.option("--observe", type=kind, multiple=True, metavar="SPEC", help=text)(f)


def out(f: F) -> F:
    """``--out`` of a run."""
    return click.option(
        "--out",
        type=PATH,
        metavar="DIR",
        help="New or empty folder for the results.  [default: a dated one under runs/]",
    )(f)


def plots(f: F) -> F:
    """``--plots``."""
    text = "Write the summary and the traces as SVG or PDF too."
    return click.option("--plots", type=click.Choice(("svg", "pdf")), help=text)(f)


def new_folder(f: F) -> F:
    """``--out`` that must be given."""
    return click.option(
        "--out",
        type=PATH,
        metavar="DIR",
        required=True,
        help="New or empty folder for the results.",
    )(f)


def begun_folder(f: F) -> F:
    """``--out`` that must be given, and that the same command goes on with."""
    text = "Folder for the results: new, empty, or begun by the same command, which goes on."
    return click.option("--out", type=PATH, metavar="DIR", required=True, help=text)(f)


def generator(f: F) -> F:
    """``--generator``, of a command that always needs one."""
    text = "The generator.  [default: stylegan2]"
    kind = completion.SpecType("generator")
    default = "sgilo.stylegan2"
    return click.option("--generator", type=kind, metavar="SPEC", default=default, help=text)(f)


def dry_run(f: F) -> F:
    """``--dry-run``."""
    text = "Print the whole experiment as TOML and stop."
    return click.option("--dry-run", is_flag=True, help=text)(f)


def speech(f: F) -> F:
    """``--quiet`` and ``--json``."""

    def hush(context: click.Context, option: click.Parameter, value: bool) -> bool:
        streams.hush(value)
        return value

    f = click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")(f)
    said = "Print nothing but errors."
    return click.option("--quiet", "-q", is_flag=True, help=said, callback=hush)(f)


def priors(given: Sequence[str]) -> dict[str, str]:
    """Read ``--prior`` options.

    Args:
        given: ``NAME:…`` for every stage, ``STAGE=NAME:…`` for one.

    Returns:
        Specs by stage, those for every stage under ``default``.

    Raises:
        BadParams: If two are for the same stage.
    """
    found: dict[str, str] = {}
    for text in given:
        match = re.fullmatch(r"\s*(\d+)\s*=(.*)", text, re.DOTALL)
        stage, spec = (str(int(match[1])), match[2]) if match else ("default", text)
        if stage in found:
            where = "every stage" if stage == "default" else f"stage {stage}"
            raise BadParams(f"--prior is given twice for {where}", "keep one of them")
        found[stage] = spec
    return found


def checked(kind: str, text: str) -> Spec:
    """Read the spec of a component and judge its name and parameters.

    Args:
        kind: One of `invprob.plugin.KINDS`.
        text: ``NAME:key=value,…``.

    Returns:
        The spec, by the shortest name of the component.

    Raises:
        InvprobError: If it is unknown, or a parameter is.
    """
    from invprob.config.registry import registry
    from invprob.params import Spec

    spec = Spec.model_validate(text)
    entry = registry().find(kind, spec.name)
    entry.params().parse(spec.params, f"{kind} {spec.name}")
    return Spec.model_validate({"name": registry().name(entry), **spec.params})


def experiment(
    table: dict[str, Any], settings: Sequence[str], by_size: bool = False
) -> ResolvedExperiment:
    """The experiment of a table and its overrides, resolved; imports no torch but `by_size`.

    Overrides that name a component come first, so that those of its parameters find its defaults.

    Args:
        table: Fields of an `Experiment`.
        settings: Overrides, ``PATH=VALUE``.
        by_size: Whether the size of the pictures decides where no method is named.

    Returns:
        What to run; without images or a measurement, the first `BUNDLED` of the bundled ones.

    Raises:
        InvprobError: If something is unknown, out of range or does not fit.
    """
    from invprob.config.experiment import Experiment
    from invprob.config.override import override
    from invprob.config.registry import registry

    found = registry()
    whole = [s for s in settings if re.match(r"\s*(prior\.\w+|[^.=]*)\s*(=|$)", s)]
    rest = [s for s in settings if s not in whole]
    made = Experiment.parse(override(table, whole, found))
    if not made.images and made.measurement is None and made.limit is None:
        made = made.model_copy(update={"limit": BUNDLED})
    if by_size and (made.images or made.measurement is not None):
        from invprob.runs import default_method

        made, said = default_method.choose(made, found)
        if said:
            streams.notice(said)
    if rest:
        open_fields = made.with_defaults(found).model_dump(mode="json")
        made = Experiment.parse(override(open_fields, rest, found))
    return made.resolve(found)
