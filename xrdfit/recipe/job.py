"""A job: everything a refinement needs, as objects, and the record of what they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xrdfit.crystal import Phase
from xrdfit.data import RefineSettings, ScanStack
from xrdfit.echem import ScanElectrochemistry
from xrdfit.errors import Problem
from xrdfit.model import Background, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What `xrdfit.recipe.build_job` makes of a recipe.

    Attributes
    ----------
    recipe_text, recipe_hash : the recipe as read, and the SHA-256 of it.
    locked : every default spelled out, with versions and input hashes; see `xrdfit.recipe.lock_text`.
    directory : where the recipe lies.
    warnings : what is suspect about the input, though it can be refined.
    electrochemistry : what the cycler says of every scan of the stack, if the recipe names its record.
    """

    stack: ScanStack
    instrument: Instrument
    phases: tuple[Phase, ...]
    background: Background
    settings: RefineSettings
    recipe_text: str
    recipe_hash: str
    locked: Mapping[str, Any]
    directory: Path
    warnings: tuple[Problem, ...] = ()
    electrochemistry: ScanElectrochemistry | None = None

    @property
    def is_joint(self) -> bool:
        """Whether all scans are one fit; so are those that share nothing but the structures, with an empty border."""
        return self.settings.mode == "series" or self.settings.intensities == "structure"
