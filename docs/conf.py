"""Sphinx configuration: ``python -m sphinx -W docs docs/_build``."""

import re
from pathlib import Path
from typing import Any

_source = (Path(__file__).parent.parent / "xrdfit" / "__init__.py").read_text(encoding="utf-8")
_version = re.search(r'__version__ = "(.+)"', _source)

project = "xrdfit"
author = "xrdfit developers"
copyright = "xrdfit developers"
release = _version.group(1) if _version else ""

extensions = ["myst_parser", "sphinx.ext.autodoc"]
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"xrdfit {release}"

# Sections of docstrings whose entries are "name : what it is", or a type and indented below it what it is.
_LISTS = ("Parameters", "Attributes", "Returns", "Raises")


def _lists(app: Any, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """Sections of a docstring as lists; types stand in the signature."""
    new: list[str] = []
    section = ""
    for number, line in enumerate(lines):
        after = lines[number + 1] if number + 1 < len(lines) else ""
        if line and after and set(after) == {"-"}:
            section = line
            new += ["", f"**{section}**", ""]
        elif line and set(line) == {"-"}:
            continue
        elif section not in _LISTS or not line:
            new.append(line)
        elif line.startswith(" "):
            new.append(f"  {line.strip()}")
        else:
            term, colon, text = line.partition(" : ")
            is_term = bool(colon) or after.startswith(" ")
            new.append(f"- **{term}**: {text}" if is_term else line)
    lines[:] = new


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", _lists)
