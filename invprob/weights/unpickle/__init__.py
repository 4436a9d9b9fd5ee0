"""Reading files of weights that others wrote, without running anything that stands in them.

`open_tree` reads safetensors, what torch.save wrote (zip or legacy) and the pickles of NVlabs, told
apart by content. Pickles are read by a machine of our own (`machine.py`) that knows a handful of
names and calls nothing else.
"""

from invprob.weights.unpickle.inert import Inert
from invprob.weights.unpickle.opening import open_tree

__all__ = ["Inert", "open_tree"]
