"""How much a file may ask for: every count follows from the size of the file or is a constant."""

from __future__ import annotations

STEPS = 300_000  # operations of all pickles in a file; a generator of 1024 pixels takes 20 000
DEPTH = 100  # of containers in one another
NESTED = 1  # pickles in a pickle: NVlabs files keep every storage as one
TEXT = 1 << 24  # bytes of one string; NVlabs files keep the source of modules as strings
NAME = 200  # bytes of a module's or class's name
ENTRIES = 20_000  # of a zip file
DIMENSIONS = 8  # of a tensor


class Refused(Exception):
    """A file that asks for what is not done, or is damaged; the text goes into one sentence."""


class Budget:
    """What a file may still use.

    Args:
        size: The size of the file in bytes.
    """

    def __init__(self, size: int) -> None:
        self._steps = STEPS
        self._stored = size
        self._copied = 4 * size

    def step(self, count: int = 1) -> None:
        """Count operations, or items that are copied.

        Args:
            count: How many.

        Raises:
            Refused: If there were too many.
        """
        self._steps -= count
        if self._steps < 0:
            raise Refused(f"its pickles take more than {STEPS} steps")

    def store(self, size: int) -> None:
        """Count bytes of a storage; all together are no more than the file has.

        Args:
            size: How many.

        Raises:
            Refused: If there were too many.
        """
        self._stored -= size
        if size < 0 or self._stored < 0:
            raise Refused(f"it declares a storage of {size} bytes, more than the file has")

    def copy(self, size: int) -> None:
        """Count bytes that a tensor or a string sees again; they may share, but not endlessly.

        Args:
            size: How many.

        Raises:
            Refused: If there were too many.
        """
        self._copied -= size
        if self._copied < 0:
            raise Refused("its content is more than four times as large as the file")
