"""How messages speak of scans."""

import pytest

from xrdfit.series.words import count_of_scans, names_of_scans


def test_one_scan_is_no_scans() -> None:
    assert [count_of_scans(number) for number in (0, 1, 2)] == ["0 scans", "1 scan", "2 scans"]


@pytest.mark.parametrize(
    ("scans", "named"),
    [
        ([7], "scan 7"),
        ([9, 7], "scans 7, 9"),
        (range(3, 13), "scans 3 to 12"),
        ([0, 2, 4, 6, 8, 10, 12], "scans 0 to 12 (7 of them)"),
    ],
)
def test_scans_are_named_one_by_one_while_they_are_few(scans: list[int], named: str) -> None:
    assert names_of_scans(scans) == named
