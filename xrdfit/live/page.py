"""The page as it is sent: one file without anything of the series in it, and what a browser may do with it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template


@dataclass(frozen=True, slots=True)
class Page:
    """The bytes, and the policy that goes with them."""

    body: bytes
    policy: str


@cache
def page() -> Page:
    """The page; all that changes it asks for itself."""
    style, script = _part("live.css"), _part("live.js")
    text = Template(_part("live.html")).substitute(style=style, script=script)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(text.encode(), policy)


def _part(name: str) -> str:
    return files("xrdfit.live").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
