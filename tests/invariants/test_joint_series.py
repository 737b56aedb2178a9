"""What must not change a joint fit, what must, and errors against a known truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from tests import scans, stacks
from xrdfit.data import RefineSettings
from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.errors import joint_errors
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.solver import JointSolution, minimise_joint

DETECTORS = ["point", "area"]
N_SCANS = 5


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Values and esds: local (N, n_local) in the order of the stack, and shared (n_shared,)."""

    local: np.ndarray
    local_esd: np.ndarray
    shared: np.ndarray
    shared_esd: np.ndarray
    merit: float


def numbers(known: stacks.KnownStack, chain: Chain, solution: JointSolution) -> Numbers:
    assert solution.converged
    errors = joint_errors(chain, solution, known.settings)
    variance = np.array([np.diag(errors.covariance(s)) for s in range(len(chain.scans))])
    place = np.argsort(chain.indices)
    return Numbers(
        local=solution.state.local[place],
        local_esd=np.sqrt(variance)[place],
        shared=solution.state.shared,
        shared_esd=np.sqrt(np.diag(errors.shared)),
        merit=solution.blocks.total,
    )


def fitted(
    known: stacks.KnownStack, data: np.ndarray, *, order: Sequence[int] | None = None, start: SeriesState | None = None
) -> Numbers:
    chain = known.chain(data, order=order)
    first = known.in_order(chain.indices) if start is None else start
    return numbers(known, chain, minimise_joint(known.problem(chain), first))


def assert_same(one: Numbers, other: Numbers, *, within: float = 0.01) -> None:
    """Values within a part of an esd, esds within the same relative part."""
    for values, also, esd, also_esd in (
        (one.local, other.local, one.local_esd, other.local_esd),
        (one.shared, other.shared, one.shared_esd, other.shared_esd),
    ):
        assert (np.abs(values - also) <= within * esd).all()
        np.testing.assert_allclose(also_esd, esd, rtol=within)


@pytest.mark.parametrize("order", [(4, 3, 2, 1, 0), (2, 0, 4, 1, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_order_of_scans_that_were_read_at_once_does_not_matter(seed: int, order: tuple[int, ...]) -> None:
    known = stacks.known_stack(N_SCANS, detector="area")
    data = known.counts(seed)
    one, other = fitted(known, data), fitted(known, data, order=order)
    assert_same(one, other)
    assert other.merit == pytest.approx(one.merit, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("detector", DETECTORS)
def test_where_a_fit_begins_does_not_matter(detector: str, seed: int) -> None:
    known = stacks.known_stack(N_SCANS, detector=detector)
    data, rng = known.counts(seed), np.random.default_rng(seed)
    one = fitted(known, data)
    for esds in (1.0, 5.0):
        start = known.truth.copy()
        start.local += esds * one.local_esd * rng.standard_normal(start.local.shape)
        start.shared += esds * one.shared_esd * rng.standard_normal(start.shared.size)
        start.shared = np.maximum(start.shared, np.where(known.truth.shared > 0.0, 0.0, -np.inf))
        assert_same(one, fitted(known, data, start=start), within=5e-3)


@pytest.mark.parametrize("detector", DETECTORS)
def test_order_of_the_phases_does_not_matter(detector: str) -> None:
    known = stacks.known_stack(N_SCANS, detector=detector)
    data = known.counts(2)
    swapped = stacks.known_stack(
        N_SCANS, detector=detector, phases=(scans.FP, scans.LFP), conversion=np.linspace(0.8, 0.2, N_SCANS)
    )
    layout, other = known.chain().layout, swapped.unsettled(data).layout
    names = [known.model.table.names[row] for row in layout.local]
    columns = [names.index(swapped.model.table.names[row]) for row in other.local]
    n = layout.local.size
    local = known.truth.local[:, [*columns, n + 1, n]]
    lines = {
        (phase, *hkl): i
        for i, (phase, hkl) in enumerate(zip(layout.lines.phase, layout.lines.hkl.tolist(), strict=True))
    }
    place = [lines[(1 - phase, *hkl)] for phase, hkl in zip(other.lines.phase, other.lines.hkl.tolist(), strict=True)]
    shared_columns = np.concatenate([[1, 0, 2, 3], layout.intensity.start + np.array(place)])
    truth = SeriesState(local, known.truth.shared[shared_columns], swapped.truth.fixed)
    one = fitted(known, data)
    two = fitted(replace(swapped, truth=truth), data)
    order = [*columns, n + 1, n]
    turned = replace(
        one,
        local=one.local[:, order],
        local_esd=one.local_esd[:, order],
        shared=one.shared[shared_columns],
        shared_esd=one.shared_esd[shared_columns],
    )
    assert_same(turned, two, within=5e-3)
    assert two.merit == pytest.approx(one.merit, abs=1e-4)


@pytest.mark.parametrize("factor", [1e-4, 1e5])
@pytest.mark.parametrize("detector", DETECTORS)
def test_unit_of_intensity_scales_the_scales_and_leaves_the_rest_alone(detector: str, factor: float) -> None:
    settings: RefineSettings = replace(stacks.SETTINGS, weights="unit", esd_scaling="chi2")
    known = stacks.known_stack(N_SCANS, detector=detector, settings=settings)
    # Not whole numbers: equal levels would be sorted by rounding.
    data = known.counts(1) + np.random.default_rng(2).uniform(-0.5, 0.5, known.expected.shape)
    one = fitted(known, data)
    layout = known.chain().layout
    names = [known.model.table.names[row] for row in layout.local] + ["scale"] * layout.n_phases
    unit = np.array([factor if name.startswith(("background", "scale")) else 1.0 for name in names])
    start = known.truth.copy()
    start.local *= unit
    other = fitted(known, data * factor, start=start)
    back = replace(other, local=other.local / unit, local_esd=other.local_esd / unit)
    assert_same(one, back, within=5e-3)


@cache
def pulls(detector: str) -> dict[str, np.ndarray]:
    """(fit - truth) / esd over 60 stacks, by kind of variable; counts at which no two lines pass for one."""
    known = stacks.known_stack(4, detector=detector, strength=8000.0)
    layout = known.chain().layout
    cells = np.flatnonzero(known.model.table.where("cell")[layout.local])
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("cells", "scales", "size", "drift", "intensities")}
    for seed in range(60):
        chain, solution = known.fit(known.counts(seed))
        fit = numbers(known, chain, solution)
        local = (fit.local - known.truth.local) / fit.local_esd
        shared = (fit.shared - known.truth.shared) / fit.shared_esd
        found["cells"].append(local[:, cells].ravel())
        found["scales"].append(local[:, layout.scale].ravel())
        found["size"].append(shared[: layout.series.size])
        found["drift"].append(shared[layout.drift_slices[0]])
        found["intensities"].append(shared[layout.intensity])
    return {name: np.concatenate(values) for name, values in found.items()}


@pytest.mark.parametrize("kind", ["cells", "scales", "size", "drift", "intensities"])
@pytest.mark.parametrize("detector", DETECTORS)
def test_errors_of_a_stack_are_as_large_as_stated(detector: str, kind: str) -> None:
    values = pulls(detector)[kind]
    # 60 stacks determine the RMS of one number to 9 %; those of a stack are not independent.
    allowed = 0.08 if kind in ("cells", "intensities") else 0.2
    assert np.sqrt(np.mean(values**2)) == pytest.approx(1.0, abs=allowed)
    assert abs(values.mean()) < 0.25


def test_what_scans_share_makes_their_cells_more_certain() -> None:
    known = stacks.known_stack(N_SCANS, detector="area")
    data = known.counts(0)
    cells = np.flatnonzero(known.model.table.where("cell")[known.chain().layout.local])
    together = fitted(known, data).local_esd[:, cells]
    drift = known.chain().layout.drift_slices[0]
    alone = []
    for s in range(N_SCANS):
        chain = known.chain(data, order=[s])
        free_shared = np.ones(known.truth.shared.size, dtype=bool)
        # A single scan knows no slope.
        free_shared[drift.start + 1] = False
        solution = minimise_joint(known.problem(chain, free_shared=free_shared), known.in_order([s]))
        alone.append(numbers(known, chain, solution).local_esd[0, cells])
    assert (together < alone).all()
    assert np.median(together / np.array(alone)) < 0.8


def test_a_sweep_taken_for_an_instant_biases_the_scales_and_one_taken_as_it_is_does_not() -> None:
    # Fast: the second phase grows from nothing to everything in five scans.
    known = stacks.known_stack(N_SCANS, conversion=np.linspace(0.1, 0.9, N_SCANS), strength=8000.0)
    instant = stacks.known_stack(N_SCANS, conversion=np.linspace(0.1, 0.9, N_SCANS), strength=8000.0, detector="area")
    scale, off = known.chain().layout.scale, {}
    for name, taken in (("swept", known), ("instant", instant)):
        taken = replace(taken, truth=known.truth, expected=known.expected)
        fit = fitted(taken, known.expected.round())
        fraction = fit.local[:, scale][:, 1] / fit.local[:, scale].sum(axis=1)
        off[name] = np.abs(fraction - np.linspace(0.1, 0.9, N_SCANS))
    assert off["swept"].max() < 1e-3
    assert off["instant"].max() > 5e-3


def test_repeating_a_fit_gives_the_same_numbers_to_the_last_digit() -> None:
    known = stacks.known_stack(N_SCANS)
    data = known.counts(0)
    one, other = fitted(known, data), fitted(known, data)
    assert np.array_equal(one.local, other.local) and np.array_equal(one.shared, other.shared)
    assert np.array_equal(one.local_esd, other.local_esd)
