"""List public definitions whose docstrings lack Args or Returns: python docs/docstring_coverage.py.

The modules at the root of invprob, those of the wings in `WINGS`, and the classes that plugins
export are parsed, not imported. A method without a docstring has that of the interface it
implements, and the fields of a dataclass are its parameters. The docstrings of commands and checks
are shown to users, and a decorator of commands has one parameter, the command: neither is counted.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
Function = ast.FunctionDef | ast.AsyncFunctionDef
WINGS = (
    "bench", "cli", "config", "io", "latents", "numerics", "operator", "params", "scaffold",
    "solver",
    "testing", "weights",
)  # fmt: skip
CLICK = {
    "format_commands", "get_command", "list_commands", "resolve_command", "shell_complete",
}  # fmt: skip
"""Methods that click documents."""
SECTIONS = {"Args": ("Args:", "Attributes:"), "Returns": ("Returns:", "Yields:")}


def sources(root: Path = ROOT) -> Iterator[tuple[Path, set[str] | None]]:
    """Find what is public.

    Args:
        root: The folder that holds ``invprob`` and ``plugins``.

    Yields:
        A file and the names in it that are public; None: all without an underscore.
    """
    core = root / "invprob"
    for path in (*core.glob("*.py"), *(p for wing in WINGS for p in (core / wing).rglob("*.py"))):
        yield path, None
    for package in sorted((root / "plugins").glob("*/__init__.py")):
        nodes = ast.walk(ast.parse(package.read_text(encoding="utf-8")))
        for imported in (node for node in nodes if isinstance(node, ast.ImportFrom)):
            module = imported.module or ""
            if module.startswith(f"{package.parent.name}."):
                path = package.parents[1] / f"{module.replace('.', '/')}.py"
                yield path, {alias.name for alias in imported.names}


def missing(tree: ast.Module, names: set[str] | None, inherited: set[str]) -> list[tuple[int, str]]:
    """Find the faults of a module.

    Args:
        tree: The parsed module.
        names: The public names; None: all without an underscore.
        inherited: Names of methods that an interface documents.

    Returns:
        The line and the sentence of each fault.
    """
    found: list[tuple[int, str]] = []
    for node in tree.body:
        if not isinstance(node, (Function, ast.ClassDef)):
            continue
        if node.name.startswith("_") if names is None else node.name not in names:
            continue
        if isinstance(node, ast.ClassDef):
            init = _method(node, "__init__")
            text = (ast.get_docstring(node) or "") + (ast.get_docstring(init) or "" if init else "")
            if _fields(node) or (init and _named(init)):
                found += _faults(node.lineno, node.name, text, ["Args"])
            for method in node.body:
                if not isinstance(method, Function) or method.name.startswith("_"):
                    continue
                if _doc(method) or not node.bases or method.name not in inherited:
                    found += _of(method, f"{node.name}.{method.name}")
        elif not {"check", "command"} & _decorators(node) and not _is_decorator(node):
            found += _of(node, node.name)
    return found


def documented(tree: ast.Module) -> set[str]:
    """Find the methods that a module documents in full.

    Args:
        tree: The parsed module.

    Returns:
        Their names.
    """
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    methods = [m for c in classes for m in c.body if isinstance(m, Function)]
    return {m.name for m in methods if _doc(m) and not _of(m, m.name)}


def _of(function: Function, name: str) -> list[tuple[int, str]]:
    """The faults of a function; one without parameters has none."""
    if not _parameters(function) or "overload" in _decorators(function):
        return []
    gives = function.returns is not None and ast.unparse(function.returns) not in (
        "None", "NoReturn", "Never",
    )  # fmt: skip
    wanted = ["Args", "Returns"] if gives else ["Args"]
    return _faults(function.lineno, name, _doc(function), wanted)


def _faults(line: int, name: str, text: str, wanted: Sequence[str]) -> list[tuple[int, str]]:
    lines = {part.strip() for part in text.splitlines()}
    lacks = [word for word in wanted if not lines.intersection(SECTIONS[word])]
    return [(line, f"{name} lacks {' and '.join(lacks)}")] if lacks else []


def _doc(function: Function) -> str:
    return ast.get_docstring(function) or ""


def _parameters(function: Function) -> list[str]:
    a = function.args
    every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    return [arg.arg for arg in every if arg.arg not in ("self", "cls")]


def _is_decorator(function: Function) -> bool:
    """Whether it gives what it gets: ``(f: F) -> F``."""
    kinds = [ast.unparse(a.annotation) for a in function.args.args if a.annotation]
    return function.returns is not None and kinds == [ast.unparse(function.returns)] == ["F"]


def _named(init: Function) -> bool:
    """Whether a constructor has parameters besides ``**values``, those of its `Params`."""
    a = init.args
    return len([*a.posonlyargs, *a.args, *a.kwonlyargs]) > 1


def _fields(node: ast.ClassDef) -> list[ast.stmt]:
    """The fields of a dataclass or a named tuple."""
    tupled = any(ast.unparse(base) == "NamedTuple" for base in node.bases)
    if not tupled and "dataclass" not in _decorators(node):
        return []
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
    return [part for part in fields if "ClassVar" not in ast.unparse(part.annotation)]


def _method(node: ast.ClassDef, name: str) -> Function | None:
    return next((m for m in node.body if isinstance(m, Function) and m.name == name), None)


def _decorators(node: Function | ast.ClassDef) -> set[str]:
    calls = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
    return {ast.unparse(call).rpartition(".")[2] for call in calls}


def main() -> int:
    """Print the faults and their number.

    Returns:
        The exit status, 1 if there are any.
    """
    parsed = [(path, names, ast.parse(path.read_text("utf-8"))) for path, names in sources()]
    inherited = {name for _, names, tree in parsed if names is None for name in documented(tree)}
    inherited |= CLICK
    faults = sorted(
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path, names, tree in parsed
        for line, fault in missing(tree, names, inherited)
    )
    print("\n".join([*faults, f"{len(faults)} public definitions lack Args or Returns"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
