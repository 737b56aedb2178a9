"""Every code that is said is explained, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import xrdfit
from xrdfit.cli.explain import explanations, title

PACKAGE = Path(xrdfit.__file__).parent
_CODE = re.compile(r"(?<![#\w])[EW]\d{3}(?!\w)")


def codes_in_the_program() -> set[str]:
    """Codes in texts of the program that are no docstrings."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                found.update(_CODE.findall(node.value))
    return found


def test_every_code_that_is_said_is_explained_and_no_other() -> None:
    # Help texts and todos name codes as examples, which exist like all others.
    assert set(explanations()) == codes_in_the_program()


@pytest.mark.parametrize("code", explanations())
def test_an_explanation_says_what_is_wrong_and_what_to_do(code: str) -> None:
    text = explanations()[code]
    assert 5 < len(title(text)) < 120
    assert "*Do*" in text
    assert "](" not in text
    assert "$" not in text.replace("```", "")
