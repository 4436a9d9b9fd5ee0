"""Quotes in the text form of components, for values that hold ``,``, ``|``, ``=`` or spaces.

A value may stand in double or single quotes: ``inpaint:mask="a, b=c|d.png"``. A quotation mark of
the same kind within it is written twice. A quotation mark elsewhere is one like any character.
"""

from __future__ import annotations

import re

_PIECE = r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*')"""
_WHOLE = re.compile(_PIECE)
_QUOTED = re.compile(rf"(?:^|(?<=[=,|]))\s*{_PIECE}(?=\s*(?:[,|]|$))")
_KEY = r"\s*[A-Za-z_][\w.\-]*\s*="
_SPECIAL = re.compile(rf"""["'|]|,{_KEY}""")
_SPECIAL_LISTED = re.compile(rf"[,()\[\]]|^{_KEY}")


def cut(text: str, separator: str) -> list[str]:
    """Cut a text where a pattern matches outside of quotes.

    Args:
        text: The text.
        separator: A regular expression.

    Returns:
        The pieces, their quotes still on.
    """
    # the same text, with what is quoted blotted out
    shadow = _QUOTED.sub(lambda found: "\0" * len(found[0]), text)
    pieces, start = [], 0
    for found in re.finditer(separator, shadow):
        pieces.append(text[start : found.start()])
        start = found.end()
    return [*pieces, text[start:]]


def unquote(text: str) -> str:
    """Take the quotes off a value.

    Args:
        text: A value, quoted or not.

    Returns:
        What it says.
    """
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        return text
    mark = text[0]
    return text[1:-1].replace(2 * mark, mark)


def quote(text: str, listed: bool = False) -> str:
    """Write a value so that `unquote` gives it back.

    Args:
        text: Any text.
        listed: Whether it is one of several, between which there are commas.

    Returns:
        The text itself where it needs no quotes.
    """
    special = not text or text != text.strip() or _SPECIAL.search(text)
    if special or (listed and _SPECIAL_LISTED.search(text)):
        return '"' + text.replace('"', '""') + '"'
    return text
