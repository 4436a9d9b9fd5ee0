"""The pictures of a run folder: written last, for people to look at; one that fails is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from torch import Tensor

from invprob.errors import InvprobError
from invprob.io import files, images
from invprob.runs import colour_profiles, restored
from invprob.runs.solution import Solution

if TYPE_CHECKING:
    from invprob.plots.vector import Format

Draw: TypeAlias = Callable[[Path], None]


def write(out: Path, solution: Solution, plots: bool = True) -> list[str]:
    """Write restored pictures, measurements, means, stds, samples, quantiles and draws, traces and
    the summary.

    Args:
        out: The folder of the run.
        solution: What is shown; it stays as it is, and so does its operator.
        plots: Whether to write the traces and the summary.

    Returns:
        A sentence for each picture that could not be drawn, and for each colour profile that its
        restored picture cannot keep.

    Raises:
        OSError: If the folder cannot be written to; `BadInput` alike.
    """
    channels = solution.mean.shape[1]
    profiles, notices = colour_profiles.find(solution.experiment, solution.names, channels)
    for name, draw in _all(solution, plots, profiles):
        try:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            draw(out / name)
        except (OSError, InvprobError):
            raise
        except Exception as error:  # whatever a plugin or a library of plots raises
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            notices.append(
                f"{out / name} could not be drawn ({reason}); the numbers are in result.safetensors"
            )
    return notices


def vector(out: Path, solution: Solution, kind: Format) -> list[Path]:
    """Write the summary and the traces in another format too.

    Args:
        out: The folder of the run.
        solution: What is shown.
        kind: The format.

    Returns:
        The files.
    """
    from invprob.plots import summary
    from invprob.plots import vector as plots

    page = summary.page(solution, solution.observed, solution.note)
    made = {f"summary.{kind}": plots.draw(page, kind), f"trace.{kind}": _trace(solution, kind)}
    for name, data in made.items():
        files.write_bytes(out / name, data)
    return [out / name for name in made]


def _all(
    solution: Solution, plots: bool, profiles: Mapping[str, bytes]
) -> Iterator[tuple[str, Draw]]:
    """Every picture: its path in the folder, and how it is written."""
    for i, name in enumerate(solution.names):
        where = "restored" if len(solution.names) == 1 else f"restored/{name}"
        yield f"{where}.png", partial(_restored, solution, i, profiles.get(name))
        # an operator's picture of a measurement is made where a failure does no harm
        yield f"measurement/{name}.png", partial(_measurement, solution, i)
        yield f"mean/{name}.png", partial(_image, solution.mean[i])
        yield f"std/{name}.png", partial(_image, solution.std[i] / solution.std_white)
        for s, sample in enumerate(solution.samples[i]):
            yield f"samples/{name}-{s:02d}.png", partial(_image, sample)
        if solution.interval.trusted:
            for part in ("lower", "median", "upper"):
                yield f"{part}/{name}.png", partial(_image, getattr(solution.interval, part)[i])
        if solution.pixel_r_hat is not None:
            yield f"undecided/{name}.png", partial(_undecided, solution.pixel_r_hat[i])
        if solution.draws is not None:
            yield f"draws/{name}.png", partial(_mixing, solution.draws.images[i])
    if plots:
        yield "trace.png", partial(_traces, solution)
        yield "summary.png", partial(_summary, solution)


def _image(image: Tensor, path: Path) -> None:
    images.write_png(path, image)


def _restored(solution: Solution, i: int, profile: bytes | None, path: Path) -> None:
    keep = solution.experiment is not None and solution.experiment.keep_measured
    one = slice(i, i + 1)
    image = restored.picture(solution.mean[one], solution.y[one], solution.operator, keep)[0]
    images.write_png(path, image, restored.depth(solution.y[one], len(image)), profile)


def _measurement(solution: Solution, i: int, path: Path) -> None:
    images.write_png(path, solution.observed[i])


def _mixing(draws: Tensor, path: Path) -> None:
    with files.replacing(path) as part:
        from invprob.plots import summary

        summary.mixing(draws).save(part, "PNG", compress_level=images.COMPRESSION)


def _undecided(r_hat: Tensor, path: Path) -> None:
    with files.replacing(path) as part:
        from invprob.plots import summary

        summary.undecided(r_hat).save(part, "PNG", compress_level=images.COMPRESSION)


def _traces(solution: Solution, path: Path) -> None:
    files.write_bytes(path, _trace(solution, "png"))


def _trace(solution: Solution, kind: Format) -> bytes:
    # matplotlib's axes take 0.4 s to import, which a run needs at its end
    from invprob.plots import traces

    chains, rows = solution.samples.shape[1], solution.trace
    return traces.traces(solution.names, chains, rows, solution.draws, solution.diagnostics, kind)


def _summary(solution: Solution, path: Path) -> None:
    files.write_bytes(path, solution.summary)
