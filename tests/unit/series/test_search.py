"""What noise alone makes of a phase whose place is looked for."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from xrdfit.series.search import CHANCE, Search


def threshold(search: Search) -> float:
    """The z of which the chance is nominal."""
    z = np.linspace(1.0, 9.0, 8001)
    return float(z[np.argmin(np.abs(np.array([search.chance(value) for value in z]) - CHANCE))])


def test_without_a_search_the_chance_is_that_of_one_normal_variable() -> None:
    known = Search(n_lines=1, places=0.0, widths=0.0)
    for z in (0.5, 2.326, 4.0):
        assert known.chance(z) == pytest.approx(1.0 - NormalDist().cdf(z), rel=1e-9)
    assert known.chance(0.0) == known.chance(-3.0) == 1.0


def test_the_wider_the_search_the_more_noise_brings() -> None:
    thresholds = [threshold(Search(n_lines=2, places=places, widths=1.0)) for places in (0.0, 5.0, 50.0, 500.0)]
    assert np.all(np.diff(thresholds) > 0.4)
    assert threshold(Search(n_lines=5, places=5.0, widths=0.0)) > threshold(Search(n_lines=1, places=5.0, widths=0.0))


@pytest.mark.parametrize("n_lines", [1, 3])
def test_the_chance_holds_for_lines_that_are_looked_for_in_noise(n_lines: int) -> None:
    # Lines of one width far from each other, shifted together over white noise; none may be negative.
    rng = np.random.default_rng(5)
    n, sigma, n_series = 400, 6.0, 6000
    at = np.arange(-30, 31)
    template = np.exp(-0.5 * (at / sigma) ** 2)
    template /= np.linalg.norm(template)
    padded = np.zeros(512)
    padded[: at.size] = template
    noise = rng.standard_normal((n_series, n_lines, 512))
    score = np.fft.irfft(np.fft.rfft(noise) * np.conj(np.fft.rfft(padded)), 512)[..., :n]
    best = np.sqrt((np.maximum(score, 0.0) ** 2).sum(axis=1).max(axis=1))
    # The correlation of such scores falls as exp(-shift^2 / (4 sigma^2)).
    search = Search(n_lines=n_lines, places=(n - 1) / (np.sqrt(2.0) * sigma), widths=0.0)
    share = float(np.mean(best > threshold(search)))
    # A bound, and a tight one; the error of the share is 0.0013.
    assert 0.006 < share < 0.0135
    assert np.mean(best > threshold(Search(n_lines=n_lines, places=0.0, widths=0.0))) > 0.2
