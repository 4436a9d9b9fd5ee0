"""A machine for pickles that builds data and nothing else.

It keeps the stack and the memo of the format (Python's pickletools describes it), but a name in a
file is only ever a `Name`: no module is imported, and what a pickle may call or make is looked up
in the two tables of its `Vocabulary` (ours is in `known.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from invprob.errors import shown
from invprob.weights.unpickle.inert import Inert, Name
from invprob.weights.unpickle.limits import NAME, Budget, Refused
from invprob.weights.unpickle.opcodes import operations

_KEYS = (str, bool, int, bytes, Name, type(None))
_SHORT = 4096  # bytes; longer ones stay views of the file
_INTEGER = 2**61 - 1  # from here on integers share hashes


@dataclass(frozen=True)
class Vocabulary:
    """All that a pickle may call and make, by full name.

    Attributes:
        calls: Functions that it may call; each gets the machine first.
        classes: What makes objects of the classes that are known.
        stranger: Makes what stands for an object of any other class, or raises `Refused`.
    """

    calls: Mapping[str, Callable[..., Any]]
    classes: Mapping[str, Callable[[], Any]]
    stranger: Callable[[str], Inert]


def no_references(pid: Any) -> Any:
    """Refuse persistent ids, for pickles that stand alone.

    Args:
        pid: The id.

    Returns:
        Nothing, since it always raises.

    Raises:
        Refused: Always.
    """
    raise Refused("it refers to storages that are not in it")


class Machine:
    """One pickle and the stack it is read with.

    Args:
        data: The pickle, which may have more behind it.
        budget: What it may use.
        vocabulary: What it may call and make.
        find: Turns a persistent id into a storage.
        depth: How many pickles lie around it.
    """

    def __init__(
        self,
        data: memoryview,
        budget: Budget,
        vocabulary: Vocabulary,
        find: Callable[[Any], Any] = no_references,
        depth: int = 0,
    ) -> None:
        self.data, self.budget, self.vocabulary = data, budget, vocabulary
        self.find, self.depth = find, depth
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, start: int = 0) -> tuple[Any, int]:
        """Build what the pickle holds. Python's own errors are raised where the pickle is not a
        whole one.

        Args:
            start: Where it begins in `data`.

        Returns:
            What it holds, and where it ends.

        Raises:
            Refused: If it asks for more than it may.
        """
        for name, argument, end in operations(self.data, start):
            self.budget.step()
            if name == "STOP":
                return self.stack.pop(), end
            _METHODS[name](self, argument)
        raise AssertionError("operations end with STOP")

    def _ignore(self, argument: Any) -> None:
        """Protocol numbers and frames."""

    def _push(self, value: Any) -> None:
        short = isinstance(value, memoryview) and len(value) <= _SHORT
        self.stack.append(bytes(value) if short else value)

    def _mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def _since_mark(self) -> list[Any]:
        at = self.marks.pop()
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def _put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def _tuple_of(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) != count:
            raise ValueError("the stack is empty")
        self.stack[-count:] = [items]

    def _append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise Refused(f"it appends to {_what(target)}")
        target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise Refused(f"it sets items of {_what(target)}")
        if len(items) % 2:
            raise ValueError("a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[hashable(key)] = value

    def _add_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not set:
            raise Refused(f"it adds items to {_what(target)}")
        target.update(hashable(item) for item in items)

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a name that is not a text")
        if max(len(module), len(name)) > NAME:
            raise Refused(f"it has a name of more than {NAME} bytes")
        self.budget.copy(len(module) + len(name))
        self.stack.append(Name(f"{module}.{name}"))

    def _reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or function.text not in self.vocabulary.calls:
            raise Refused(f"it wants to call {_what(function)}")
        if type(arguments) is not tuple:
            raise TypeError("arguments that are not a tuple")
        self.stack.append(self.vocabulary.calls[function.text](self, *arguments))

    def _new(self, _: Any) -> None:
        arguments, cls = self.stack.pop(), self.stack.pop()
        if not isinstance(cls, Name):
            raise Refused(f"it wants to make an object of {_what(cls)}")
        if type(arguments) is not tuple or arguments:
            raise Refused(f"it wants to make an object of {_what(cls)} from arguments")
        make = self.vocabulary.classes.get(cls.text)
        self.stack.append(make() if make else self.vocabulary.stranger(cls.text))

    def _build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is dict:
            return  # attributes of a dictionary, such as the versions in a state dict
        if not isinstance(target, Inert) or target.state is not None:
            raise Refused(f"it sets the state of {_what(target)}")
        target.state = state


def hashable(key: Any) -> Any:
    """Refuse what cannot safely be a key of a dictionary: tuples, whose hash can recurse without
    end.

    Args:
        key: The key.

    Returns:
        The key.

    Raises:
        Refused: If it is neither a short number, a text, nor the like.
    """
    if type(key) not in _KEYS or (type(key) is int and abs(key) >= _INTEGER):
        raise Refused(f"it has {_what(key)} as a key")
    return key


def _what(value: Any) -> str:
    if isinstance(value, (Name, Inert)):
        return shown(value.text if isinstance(value, Name) else value.name)
    return f"a {type(value).__name__}"


_METHODS: dict[str, Callable[[Machine, Any], Any]] = {
    "PROTO": Machine._ignore,
    "FRAME": Machine._ignore,
    "MARK": Machine._mark,
    "POP": lambda m, _: m.stack.pop(),
    "POP_MARK": lambda m, _: m._since_mark(),
    "DUP": lambda m, _: m.stack.append(m.stack[-1]),
    "NONE": lambda m, _: m._push(None),
    "TRUE": lambda m, _: m._push(True),
    "FALSE": lambda m, _: m._push(False),
    "INT": Machine._push,
    "LONG": lambda m, raw: m._push(int.from_bytes(raw, "little", signed=True)),
    "FLOAT": lambda m, raw: m._push(raw),
    "PUSH": Machine._push,
    "LIST": lambda m, _: m._push([]),
    "APPEND": lambda m, _: m._append([m.stack.pop()]),
    "APPENDS": lambda m, _: m._append(m._since_mark()),
    "EMPTY_TUPLE": lambda m, _: m._push(()),
    "TUPLE": lambda m, _: m._push(tuple(m._since_mark())),
    "TUPLE1": lambda m, _: m._tuple_of(1),
    "TUPLE2": lambda m, _: m._tuple_of(2),
    "TUPLE3": lambda m, _: m._tuple_of(3),
    "DICT": lambda m, _: m._push({}),
    "SETITEM": lambda m, _: m._set_items([m.stack.pop(), m.stack.pop()][::-1]),
    "SETITEMS": lambda m, _: m._set_items(m._since_mark()),
    "SET": lambda m, _: m._push(set()),
    "ADDITEMS": lambda m, _: m._add_items(m._since_mark()),
    "FROZENSET": lambda m, _: m._push({hashable(item) for item in m._since_mark()}),
    "GLOBAL": lambda m, names: m._name(*names),
    "STACK_GLOBAL": lambda m, _: m._name(*[m.stack.pop(), m.stack.pop()][::-1]),
    "REDUCE": Machine._reduce,
    "NEWOBJ": Machine._new,
    "BUILD": Machine._build,
    "PERSISTENT": lambda m, _: m._push(m.find(m.stack.pop())),
    "PUT": Machine._put,
    "MEMOIZE": lambda m, _: m._put(len(m.memo)),
    "GET": lambda m, index: m._push(m.memo[index]),
}
