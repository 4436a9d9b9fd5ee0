"""An mkdocs hook: the executed notebook is the page tutorials/in-python.md.

The notebook stays the one copy; the file of that name only leads to it. mkdocs renders its
Markdown; the outputs of its cells, which hold pictures as data, are put in as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

NOTEBOOK = Path(__file__).parent / "notebooks" / "first_steps.ipynb"
PAGE = "tutorials/in-python.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the page in the place of the file that leads to it."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "\n\n".join(part for cell in cells for part in parts(cell))
    if (leads := files.get_file_from_path(PAGE)) is not None:
        files.remove(leads)
    files.append(File.generated(config, PAGE, content=text + "\n"))
    return files


def parts(cell: dict[str, Any]) -> Iterator[str]:
    """The Markdown of a cell: its source, then its outputs."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "text/html" in data:
            html = "".join(data["text/html"]).replace("\n", " ")
            yield f'<div class="output">{html}</div>'
        else:
            text = "".join(output.get("text", data.get("text/plain", "")))
            yield f"```text\n{text.rstrip()}\n```"
