"""The process that computes cells: ``python -m invprob.bench.child``, asked over its stdin.

A frame J asks for a cell; the answers are frames P (step, total), then R (the packed cell) or E (a
reason). When stdin ends, as it does when the coordinator dies, the process ends too, at once.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO

from invprob.bench import frames


def main() -> None:
    # what solvers print must not get among the frames
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    while True:
        _answer(out, asked.get())


def _listen(stream: BinaryIO, asked: queue.SimpleQueue[bytes]) -> None:
    while (frame := frames.receive(stream)) is not None:
        asked.put(frame[1])
    os._exit(0)


def _answer(out: BinaryIO, packed: bytes) -> None:
    from invprob.errors import InvprobError

    told, data = frames.unpack(packed)
    try:
        frames.send(out, b"R", _cell(told, data, out))
    except InvprobError as error:
        frames.send(out, b"E", error.message.encode())
    except Exception as error:
        traceback.print_exc()
        frames.send(out, b"E", f"{type(error).__name__}: {error}".encode())


def _cell(told: dict[str, Any], data: bytes, out: BinaryIO) -> bytes:
    import torch

    from invprob import build
    from invprob.bench import figures, measured
    from invprob.build import Parts
    from invprob.errors import BadWeights
    from invprob.experiment import Experiment
    from invprob.registry import registry

    torch.set_num_threads(told["threads"])
    truth, y = measured.unpack(data)
    experiment = Experiment.parse(told["experiment"])
    shape = tuple(truth.shape)
    m = build.models(experiment, registry(), shape)  # type: ignore[arg-type]
    if (found := build.sha256(m.generator, *m.priors.values())) != told["models"]:
        raise BadWeights(f"the weights here have sha256 {found}, not {told['models']}")
    A = build.operator(experiment, registry(), shape, m.device)
    parts = Parts(m.solver, m.generator, A, m.device, m.priors)

    def tell(step: int, total: int) -> None:
        frames.send(out, b"P", frames.pack({"step": step, "total": total}))

    solved = figures.solve(parts, y, truth, experiment.samples, experiment.seed, tell)
    return solved.pack()


if __name__ == "__main__":
    main()
