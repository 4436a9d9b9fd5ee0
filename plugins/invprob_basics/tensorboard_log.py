"""The observer `tensorboard`: curves and pictures of a run for TensorBoard.

It needs the extra, ``pip install 'invprob[tensorboard]'``; ``tensorboard --logdir DIR`` shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.callback import Callback, CallbackContext
from invprob.errors import BadInput
from invprob.solver import Progress
from invprob_basics.params import TensorBoardLogParams

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardLog(Callback):
    """Each metric as a curve per chain, and the current images of the first chains.

    Args:
        params: Where the folder is, and how many steps lie between points and pictures.
        context: The run that is watched.

    Raises:
        BadInput: If the package tensorboard is not installed.
    """

    def __init__(self, params: TensorBoardLogParams, context: CallbackContext) -> None:
        self.params, self.total = params, context.total
        make = _writer()
        folder = context.path("tensorboard") if params.path is None else params.path
        # steps that a resumed run makes again replace those seen before
        purge = context.first + 1 if context.first else None
        self.writer = make(str(folder), purge_step=purge)

    def __call__(self, progress: Progress) -> None:
        p, step, info = self.params, progress.state.step, progress.info
        if step % p.every == 0 or step == self.total:
            for name, values in info.metrics.items():
                for chain, value in enumerate(values.tolist()):
                    self.writer.add_scalar(f"{name}/chain {chain}", value, step)
        if p.images and (step % p.images == 0 or step == self.total):
            self.writer.add_images("images", info.image[: p.shown].clamp(0, 1), step)

    def close(self) -> None:
        self.writer.close()


def _writer() -> type[SummaryWriter]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise BadInput(
            "observer tensorboard needs the package tensorboard, which is not installed",
            "pip install 'invprob[tensorboard]'",
        ) from None
    return SummaryWriter
