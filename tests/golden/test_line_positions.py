"""Lines of reference powders where the powder diffraction file has them."""

import numpy as np
import pytest

from tests import scans
from xrdfit.model import Background, Instrument, PatternModel

# Wavelength in Å, phase, and 2theta in deg as published with that wavelength and cell.
PUBLISHED = {
    # Si, NBS SRM 640b; PDF 27-1402.
    "Si": (
        1.5405981,
        scans.phase("Si", "Fd-3m", 5.43088, 5.43088, 5.43088),
        {
            (1, 1, 1): 28.442,
            (2, 2, 0): 47.303,
            (3, 1, 1): 56.121,
            (4, 0, 0): 69.130,
            (3, 3, 1): 76.377,
            (4, 2, 2): 88.026,
            (4, 4, 0): 106.710,
            (5, 3, 1): 114.094,
            (6, 2, 0): 127.546,
        },
    ),
    # LaB6, NIST SRM 660; PDF 34-0427.
    "LaB6": (
        1.5405981,
        scans.phase("LaB6", "Pm-3m", 4.15690, 4.15690, 4.15690),
        {
            (1, 0, 0): 21.358,
            (1, 1, 0): 30.385,
            (1, 1, 1): 37.442,
            (2, 0, 0): 43.507,
            (2, 1, 0): 48.958,
            (2, 1, 1): 53.989,
            (2, 2, 0): 63.219,
        },
    ),
    # Corundum; PDF 46-1212.
    "Al2O3": (
        1.540562,
        scans.phase("Al2O3", "R-3c", 4.7587, 4.7587, 12.9929, 90.0, 90.0, 120.0),
        {
            (0, 1, 2): 25.578,
            (1, 0, 4): 35.152,
            (1, 1, 0): 37.776,
            (1, 1, 3): 43.355,
            (0, 2, 4): 52.549,
            (1, 1, 6): 57.496,
            (3, 0, 0): 68.212,
        },
    ),
}


def positions(powder: str) -> np.ndarray:
    wavelength, phase, _ = PUBLISHED[powder]
    model = PatternModel.of(Instrument(lines=((wavelength, 1.0),)), (phase,), Background(terms=1))
    values = model.table.defaults()
    lines = model.choose_lines(values, np.linspace(15.0, 130.0, 20000), (True,))
    return model.place(values, lines).position[:, 0]


@pytest.mark.parametrize("powder", PUBLISHED)
def test_reference_powder_has_its_lines_where_they_are_published(powder: str) -> None:
    found = positions(powder)
    for hkl, published in PUBLISHED[powder][2].items():
        assert np.abs(found - published).min() < 0.006, hkl


def test_silicon_111_of_copper_stands_at_28_443_degrees() -> None:
    phase = scans.phase("Si", "Fd-3m", 5.430940, 5.430940, 5.430940)
    model = PatternModel.of(Instrument.k_alpha("Cu"), (phase,), Background(terms=1))
    lines = model.choose_lines(model.table.defaults(), np.linspace(20.0, 35.0, 500), (True,))
    position = model.place(model.table.defaults(), lines).position
    assert lines.hkl.shape == (1, 3)
    assert position[0, 0] == pytest.approx(28.443, abs=0.001)
    # K-alpha2 0.072 deg above it.
    assert position[0, 1] - position[0, 0] == pytest.approx(0.0723, abs=0.0005)


def test_silicon_shows_no_forbidden_line() -> None:
    found = positions("Si")
    # The lattice and the glide planes of diamond take out (200) at 32.96 and (420) at 78.74 deg.
    assert np.abs(found - 32.96).min() > 1.0
    assert np.abs(found - 78.74).min() > 1.0
