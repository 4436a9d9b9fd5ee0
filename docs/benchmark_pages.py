"""An mkdocs hook: pages of benchmarks/, which stand beside what they describe, are in the site."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1] / "benchmarks"
PAGES = {
    "README.md": "reference/benchmarks.md",
    "results/README.md": "reference/benchmark-results.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to those that mkdocs found."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=here(text)))
    return files


def here(text: str) -> str:
    """A page with the links that lead from docs/reference; what the site lacks is named instead."""

    def moved(link: re.Match[str]) -> str:
        words, target = link.groups()
        if target in PAGES:
            return f"[{words}]({Path(PAGES[target]).name})"
        if target.startswith("../docs/"):
            return f"[{words}](../{target.removeprefix('../docs/')})"
        return f"`benchmarks/{target}`"

    return re.sub(r"\[([^]]*)\]\((?![a-z]+:)([^)]+)\)", moved, text)
