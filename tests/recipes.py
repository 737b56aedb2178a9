"""Changes that tests make to recipes."""

from __future__ import annotations


def sequential(text: str) -> str:
    """A simulated stack's recipe, but its scans refined one after the other with free line intensities."""
    return text[: text.index("[refine")] + '[refine]\nmode = "sequential"\nintensities = "lebail"\n'
