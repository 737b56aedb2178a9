"""Sphinx configuration: ``python -m sphinx -W docs docs/_build``."""

import re
from pathlib import Path

_source = (Path(__file__).parent.parent / "xrdfit" / "__init__.py").read_text(encoding="utf-8")
_version = re.search(r'__version__ = "(.+)"', _source)

project = "xrdfit"
author = "xrdfit developers"
copyright = "xrdfit developers"
release = _version.group(1) if _version else ""

extensions = ["myst_parser"]
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"xrdfit {release}"
