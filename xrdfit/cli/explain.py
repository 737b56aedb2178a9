"""``xrdfit explain``: what a message means, in the words of the reference."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from xrdfit.cli.problems import input_error

# Pages of the reference that explain codes; they travel with the package.
PAGES = ("errors.md", "messages.md")
_SECTION = re.compile(r"^## ([EW]\d{3})\n(.*?)(?=^## |^\([\w-]+\)=$|\Z)", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"\*\*(.+?)[.,:]?\*\*", re.DOTALL)
# What the pages have beyond plain Markdown, and how it looks without: cross references, links, formulas.
_PLAIN = (
    (re.compile(r"\{\w+\}`([^<`]+?)\s*<[^>]*>`"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\$([^$]+)\$"), lambda match: _formula(match[1])),
)
_SIGNS = {r"\alpha": "α", r"\beta": "β", r"\chi": "χ", r"\cdot": "·", r"\,": " ", "{": "", "}": "", "_": ""}


def run_explain(code: str | None) -> int:
    """Print the section of a code, or every code with its title."""
    known = explanations()
    if code is None:
        for name, text in known.items():
            print(f"{name}  {title(text)}")
        return 0
    wanted = code.strip().upper()
    if wanted not in known:
        near = [name for name in known if wanted and name.startswith(wanted)][:3]
        near = near or difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
        raise input_error(
            "E185",
            "no such message",
            where="explain",
            found=f"found {code!r} against a code such as E101",
            todo=f"did you mean {' or '.join(near)}?" if near else "xrdfit explain lists all codes",
        )
    Console().print(Markdown(f"**{wanted}** {known[wanted]}"))
    return 0


def explanations() -> Mapping[str, str]:
    """Markdown by code, in the order of the codes."""
    sections: dict[str, str] = {}
    for page in PAGES:
        text = _page(page).read_text(encoding="utf-8")
        sections |= {code: _plain(section.strip()) for code, section in _SECTION.findall(text)}
    return dict(sorted(sections.items()))


def title(text: str) -> str:
    """The first words in bold of a section, which say what is wrong."""
    found = _TITLE.search(text)
    assert found is not None, text
    return " ".join(found[1].split())


def _page(name: str) -> Path:
    """Where a page lies, installed or in a source checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_data" / "reference" / name
    return installed if installed.exists() else package.parent / "docs" / "reference" / name


def _plain(text: str) -> str:
    for pattern, replacement in _PLAIN:
        text = pattern.sub(replacement, text)
    return text


def _formula(text: str) -> str:
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    return text
