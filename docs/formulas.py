"""An mkdocs hook: formulas between dollars become MathML, which browsers typeset themselves.

No script and no font is fetched when a page is read. A formula that cannot be read ends the build.
"""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

# what pymdownx.arithmatex writes with `generic`
INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Typeset the formulas of a page."""
    content = BLOCK.sub(lambda match: typeset(match[1], "block"), content)
    return INLINE.sub(lambda match: typeset(match[1], "inline"), content)


def typeset(formula: str, display: str) -> str:
    """A formula in LaTeX, with the entities of HTML, as MathML."""
    text = html.unescape(formula).strip()
    # browsers put no space between the names of a function and of its argument
    made = str(convert(text.replace(r"\log ", r"\log\, "), display=display))
    if "\\" in made:  # a command that the library does not know is left as it is
        raise PluginError(f"the formula {text!r} cannot be typeset")
    return made
