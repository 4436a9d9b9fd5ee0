"""The process that computes cells, asked over its stdin.

A frame J asks for a cell; the answers are frames P (step, total), then R (the packed cell), E (a
reason), or O (what has other sources here). When stdin ends, as it does when the coordinator dies,
the process ends too, at once.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from invprob import fingerprint
from invprob.bench.execution import protocol
from invprob.config import allocator
from invprob.io.json_text import dumps

if TYPE_CHECKING:
    from invprob.runs.build import Make, Models


def main() -> None:
    allocator.keep_freed()
    # what solvers print must not get among the frames
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    while True:
        _answer(out, asked.get())


def _listen(stream: BinaryIO, asked: queue.SimpleQueue[bytes]) -> None:
    while (frame := protocol.receive(stream)) is not None:
        asked.put(frame[1])
    os._exit(0)


def _answer(out: BinaryIO, packed: bytes) -> None:
    from invprob.errors import Diverged, InvprobError

    told, data = protocol.unpack(packed)
    try:
        if other := _other_code(told):
            protocol.send(out, b"O", other.encode())
            return
        protocol.send(out, b"R", _cell(told, data, out))
    except InvprobError as error:
        advice = f"; {error.hint}" if isinstance(error, Diverged) else ""
        protocol.send(out, b"E", f"{error.message}{advice}".encode())
    except (Exception, SystemExit) as error:  # a plugin may call sys.exit
        traceback.print_exc()
        protocol.send(out, b"E", f"{type(error).__name__}: {error}".encode())


def _other_code(told: dict[str, Any]) -> str:
    """The names of what was begun here with other sources than the cell is for."""
    from invprob.bench import provenance
    from invprob.config.experiment import ResolvedExperiment
    from invprob.config.registry import registry

    mine = provenance.of_experiment(ResolvedExperiment.parse(told["experiment"]), registry())
    return ", ".join(name for name, code in told["code"].items() if mine.get(name) != code)


def _cell(told: dict[str, Any], data: bytes, out: BinaryIO) -> bytes:
    import torch

    from invprob.bench import evaluate, measurements
    from invprob.config.experiment import ResolvedExperiment
    from invprob.config.registry import registry
    from invprob.errors import BadWeights
    from invprob.runs import build
    from invprob.runs.build import Parts

    torch.set_num_threads(told["threads"])
    truth, y = measurements.unpack(data)
    shape = tuple(truth.shape)
    table = told["experiment"]
    brought = {key: table[key] for key in ("solver", "generator", "prior", "device")}
    m, sha256, sketch = _models(dumps(brought), shape)
    if sha256 != told["models"] and not fingerprint.alike(told["sketch"], sketch):
        raise BadWeights(f"the weights here have sha256 {sha256}, not {told['models']}")
    experiment = ResolvedExperiment.parse(table)
    A = build.operator(experiment, registry(), shape, m.device)
    parts = Parts(m.solver, m.generator, A, m.device, m.priors)

    def tell(step: int, total: int) -> None:
        protocol.send(out, b"P", protocol.pack({"step": step, "total": total}))

    tell(0, m.solver.total(parts.problem(y[None], experiment.samples, experiment.seed)))
    solved = evaluate.solve(parts, y, truth, experiment.samples, experiment.seed, tell)
    return solved.pack()


@lru_cache(maxsize=16)
def _models(brought: str, shape: Any) -> tuple[Models, str, list[float]]:
    """What a method brings along, loaded once for all its cells, its SHA-256 and its sketch."""
    from invprob.config.experiment import ResolvedExperiment
    from invprob.config.registry import registry
    from invprob.runs import build

    m = build.models(ResolvedExperiment.parse(json.loads(brought)), registry(), shape, _make())
    modules = (m.generator, *m.priors.values())
    return m, fingerprint.of_modules(*modules), fingerprint.sketch(*modules)


@lru_cache(maxsize=1)
def _make() -> Make:
    from invprob.bench.shared_models import sharing

    return sharing()


if __name__ == "__main__":
    main()
