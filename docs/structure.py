"""Print modules, layers and circles, and draw the layers: python docs/structure.py (extra test).

The layers are those of the import contract in pyproject.toml, which `lint-imports` enforces; the
circles are counted in the imports themselves.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp

ROOT = Path(__file__).parents[1]
DRAWING = ROOT / "docs" / "images" / "architecture.svg"
LEFT, TOP, ROW, GAP, WIDE = 24, 56, 40, 8, 620
"""Pixels: the corner of the first row, a row's height, the space in it, and its width."""
STYLE = """
text { font: 15px system-ui, sans-serif; fill: #1b2a2a; text-anchor: middle }
.small { font-size: 13px; fill: #4a5b5b }
.wing { fill: #b5dfd9; stroke: #00796b }
.file { fill: #ffffff; stroke: #7d9a97 }
.plugin { fill: #ffe3b3; stroke: #b26a00 }
.page { fill: #f4f8f7 }
.line { stroke: #4a5b5b; fill: none; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6efee }
  .small { fill: #a9bbb9 }
  .wing { fill: #0d4f47; stroke: #4db6ac }
  .file { fill: #22302f; stroke: #7d9a97 }
  .plugin { fill: #5a3b08; stroke: #ffb74d }
  .page { fill: #182322 }
  .line { stroke: #a9bbb9 }
}"""


def contracts() -> dict[str, Any]:
    """What import-linter reads."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(settings["tool"]["importlinter"])


def layers() -> dict[str, list[list[str]]]:
    """The rows of every package, from the top, by the package's name."""
    return {
        container: [row.split(" | ") for row in contract["layers"]]
        for contract in contracts()["contracts"]
        if contract["type"] == "layers"
        for container in contract["containers"]
    }


def graph() -> grimp.ImportGraph:
    """The imports of the core and of the plugins, except those for type checkers alone."""
    return grimp.build_graph(*contracts()["root_packages"], exclude_type_checking_imports=True)


def circles(imports: grimp.ImportGraph) -> set[frozenset[str]]:
    """Groups of modules that import each other, directly or by way of others.

    What a package's own `__init__` imports is left out: public names are imported when first used.
    """
    for package in contracts()["root_packages"]:
        for name in imports.find_modules_directly_imported_by(package):
            imports.remove_import(importer=package, imported=name)
    modules = imports.modules
    above = {name: imports.find_upstream_modules(name) for name in modules}
    groups = {m: frozenset({m, *(n for n in above[m] if m in above[n])}) for m in modules}
    return {group for group in groups.values() if len(group) > 1}


def forbidden_to_plugins() -> set[str]:
    """The wings that no plugin imports."""
    rule = next(c for c in contracts()["contracts"] if c["name"].startswith("plugins import"))
    return {name.removeprefix("invprob.") for name in rule["forbidden_modules"]}


def drawing() -> str:
    """The layers as SVG: what stands higher may import what stands lower."""
    rows = layers()["invprob"]
    plugins = contracts()["root_packages"][1:]
    forbidden = forbidden_to_plugins()
    first = 1 + max(i for i, row in enumerate(rows) if forbidden & set(row))
    step = ROW + GAP
    height = TOP + len(rows) * step + 56
    right = LEFT + WIDE + 48
    top, bottom = TOP + first * step, TOP + len(rows) * step - GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right + 210} {height}" role="img">',
        "<title>The layers of invprob, from the import contract</title>",
        f"<style>{STYLE}\n</style>",
        '<rect class="page" width="100%" height="100%" rx="12"/>',
        _text(LEFT + WIDE / 2, 34, "invprob"),
        *(box for i, row in enumerate(rows) for box in _row(row, TOP + i * step)),
        _text(right + 93, top - 22, "plugins"),
        *_column([name.removeprefix("invprob_") for name in plugins], right, top, bottom),
        f'<path class="line" d="M{right - 12} {top} h-14 v{bottom - top} h14"/>',
        _text(LEFT + WIDE / 2, height - 22, "A module imports only what stands below it.", "small"),
        _text(right + 93, height - 22, "Plugins import these rows.", "small"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _row(names: list[str], y: float) -> Iterator[str]:
    """A layer: its modules in boxes, as wide as their names ask for."""
    weights = [len(name) + 4 for name in names]
    free, x = WIDE - GAP * (len(names) - 1), float(LEFT)
    for name, weight in zip(names, weights, strict=True):
        width = free * weight / sum(weights)
        kind = "wing" if (ROOT / "invprob" / name).is_dir() else "file"
        yield _box(x, y, width, ROW, name, kind)
        x += width + GAP


def _column(names: list[str], x: float, top: float, bottom: float) -> Iterator[str]:
    height = (bottom - top - GAP * (len(names) - 1)) / len(names)
    for i, name in enumerate(names):
        yield _box(x, top + i * (height + GAP), 186, height, name, "plugin")


def _box(x: float, y: float, width: float, height: float, name: str, kind: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    rect = f'<rect class="{kind}" {place} rx="6"/>'
    return rect + _text(x + width / 2, y + height / 2 + 5, name)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}">{words}</text>'


def main() -> None:
    """Print the numbers and write the drawing."""
    imports = graph()
    for package, rows in layers().items():
        inside = [m for m in imports.modules if m == package or m.startswith(f"{package}.")]
        count = f"{len(rows)} layer{'s' * (len(rows) != 1)}"
        print(f"{package}: {len(inside)} modules, {count}")
    found = circles(imports)
    print(f"circles: {len(found)}", *(", ".join(sorted(group)) for group in found), sep="\n  ")
    DRAWING.write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    main()
