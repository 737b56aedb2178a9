import numpy as np
import pytest

from xrdfit.crystal import Phase, SpaceGroup, UnitCell
from xrdfit.errors import CrystalError

PNMA = SpaceGroup.from_name("Pnma")


def test_a_phase_tells_its_free_cell_values_and_its_reference() -> None:
    phase = Phase(
        name="LFP",
        group=PNMA,
        cell=UnitCell(10.33, 6.01, 4.69),
        reference_cell=UnitCell(10.3290, 6.0065, 4.6908),
        reference_source="Andersson 2000",
        color="red",
    )
    np.testing.assert_array_equal(phase.free_values, [10.33, 6.01, 4.69])
    label = phase.label()
    assert (label.name, label.color, label.role, label.cell_names) == ("LFP", "red", "active", ("a", "b", "c"))
    assert label.reference == {"a": 10.3290, "b": 6.0065, "c": 4.6908, "volume": pytest.approx(291.02, abs=0.01)}
    assert label.reference_source == "Andersson 2000"


def test_a_phase_without_reference_has_an_empty_one() -> None:
    phase = Phase(name="Al", group=SpaceGroup.from_name("Fm-3m"), cell=UnitCell(4.05, 4.05, 4.05), role="inert")
    assert phase.label().reference == {}
    assert phase.free_values.tolist() == [4.05]


@pytest.mark.parametrize("which", ["cell", "reference_cell"])
def test_a_phase_refuses_a_cell_that_its_group_does_not_allow(which: str) -> None:
    cells = {"cell": UnitCell(10.3, 6.0, 4.7), which: UnitCell(10.3, 6.0, 4.7, alpha=91.0)}
    with pytest.raises(CrystalError, match="alpha = 91"):
        Phase(name="LFP", group=PNMA, **cells)
