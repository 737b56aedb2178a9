"""What the recipe says of a cycler's record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclerSettings:
    """The table ``[cycler]`` of a recipe, but for the file.

    Attributes
    ----------
    clock_offset_s : seconds to be added to the cycler's clock to get that of the scans; None if nothing was said.
    time_zone : of a cycler that wrote local time, as ``Europe/Berlin`` or ``+02:00``.
    active_mass_mg : of the active material; without it there are no specific capacities.
    full_capacity_mAh : between state of charge 0 and 1.
    theoretical_capacity_mAh_g : of the active material; with it the composition follows from the charge.
    initial_x : composition at the first row of the record.
    """

    clock_offset_s: float | None = None
    time_zone: str | None = None
    active_mass_mg: float | None = None
    full_capacity_mAh: float | None = None
    theoretical_capacity_mAh_g: float | None = None
    initial_x: float = 1.0
