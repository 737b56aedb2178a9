"""The smooth part of a pattern."""

import numpy as np

from tests import scans
from xrdfit.model import Background, Hump, Instrument, MeasuredBackground, PatternModel

X = np.linspace(20.0, 38.0, 607)


def test_a_measured_background_is_one_more_curve_whatever_its_grid() -> None:
    measured = MeasuredBackground(two_theta=np.array([18.0, 25.0, 40.0]), intensity=np.array([100.0, 300.0, 0.0]))
    background = Background(terms=2, humps=(Hump(position=24.0, fwhm=5.0),), measured=measured)
    model = PatternModel.of(Instrument.k_alpha("Cu"), (scans.LFP,), background)
    assert model.table.names[-6:-3] == ("background_c0", "background_c1", "background_measured")
    lines = model.choose_lines(model.table.defaults(), X, (True,))
    problem = model.problem(scans.points(X), scans.noise_model(np.ones(X.size), None, weights="unit"), lines)
    np.testing.assert_allclose(problem.chebyshev[-1], np.interp(X, measured.two_theta, measured.intensity), rtol=1e-15)
    assert problem.chebyshev.shape == (3, X.size)
    slots = model.table.slots(scans.parameters(model, background_measured=0.7, hump0_area=5.0))
    assert slots[-4] == 0.7 and slots[-1] == 5.0
