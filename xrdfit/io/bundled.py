"""The files that travel with the package: structures and the demo's recipe."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def bundled(name: str) -> Path:
    """Where a file of the project's ``data/`` folder lies, installed or in a source checkout.

    Parameters
    ----------
    name : path inside ``data/``, e.g. ``"cif/LiFePO4.cif"``.
    """
    package = Path(str(files("xrdfit")))
    installed = package / "_data" / name
    return installed if installed.exists() else package.parent / "data" / name
