"""What became of a run, in words: the verdict, the warnings and what is said of single scans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome

_WARNING = re.compile(r"W\d{3} ")
_OF_INPUT = "W1"
_NUMBER = re.compile(r"[-+]?\d[\d.e+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``kind`` is clean, flagged or failed; ``scans`` are those that need a look, by outcome."""

    kind: str
    headline: str
    sentences: tuple[str, ...]
    todo: tuple[str, ...]
    scans: Mapping[str, tuple[int, ...]]


@dataclass(slots=True, kw_only=True)
class Remark:
    """Warnings of one code: what is the matter, and for each place what was found and what to do."""

    code: str
    what: str
    places: list[tuple[str, str]] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Complaint:
    """One reason why scans are flagged, with these scans; the text is that of the first of them."""

    text: str
    alike: bool
    scans: list[int]


def verdict_of(columns: Mapping[str, NDArray], remarks: Sequence[Remark]) -> Verdict:
    """How many scans ended how, which ones, and what to do next."""
    scans = {
        outcome: tuple(columns["scan"][columns["outcome"] == str(outcome)].astype(int).tolist()) for outcome in Outcome
    }
    total, clean = len(columns["scan"]), len(scans[Outcome.CONVERGED])
    fitted = int(np.isfinite(columns["r_wp"]).sum())
    of_series = [remark for remark in remarks if not remark.code.startswith(_OF_INPUT)]
    of_input = len(remarks) - len(of_series)
    told = [_counts(scans, total)]
    if of_series:
        count = _number(len(of_series), "warning")
        told.append(f"{count} about the series: something that the fit takes for granted does not hold.")
    if of_input:
        told.append(f"{_number(of_input, 'warning')} about the input: see whether it matters here.")
    if clean == total and not of_series:
        kind, headline = "clean", "Clean"
        todo = ["The numbers can be used; what they rest on stands under “Limits of the method”."]
    elif clean == 0:
        kind = "failed"
        headline = "Failed: no scan converged" if fitted else "Failed: no scan could be fitted"
        todo = [
            "Do not use these numbers before the reasons below are settled.",
            "Look at phases, cells, range and wavelength: xrdfit check RECIPE; then refine again with --fresh.",
        ]
    else:
        kind, headline = "flagged", "Flagged: needs a look"
        todo = ["Settle the warnings first: each says what to do."] if of_series else []
        if scans[Outcome.FLAGGED]:
            todo.append("Look at the fits of the flagged scans; their reasons stand below.")
        if scans[Outcome.FAILED] or scans[Outcome.NO_DATA]:
            todo.append("Scans that failed or hold no data have no values; look at their patterns.")
    if not of_series and not of_input:
        told.append("No warning.")
    doubtful = {str(outcome): numbers for outcome, numbers in scans.items() if outcome != Outcome.CONVERGED and numbers}
    return Verdict(kind=kind, headline=headline, sentences=tuple(told), todo=tuple(todo), scans=doubtful)


def remarks_of(warnings: Iterable[str], log: str) -> list[Remark]:
    """The warnings of a run, those of the input out of its log, grouped by code; those of the series first."""
    lines = dict.fromkeys([*warnings, *(line for line in log.splitlines() if _WARNING.match(line))])
    grouped: dict[tuple[str, str], Remark] = {}
    for line in lines:
        head, *rest = line.split(" · ")
        code, _, what = head.partition(" ")
        remark = grouped.setdefault((code, what), Remark(code=code, what=what))
        if len(rest) >= 3:
            remark.places.append((rest[0], " · ".join(rest[1:-1])))
        if rest and rest[-1] not in remark.todo:
            remark.todo.append(rest[-1])
    return sorted(grouped.values(), key=lambda remark: (remark.code.startswith(_OF_INPUT), remark.code))


def complaints_of(messages: Iterable[str]) -> list[Complaint]:
    """What is said of single scans (``scan 3: reason; reason``), grouped by reasons that differ in numbers only."""
    grouped: dict[str, Complaint] = {}
    texts: dict[str, set[str]] = {}
    for message in messages:
        place, colon, reasons = message.partition(": ")
        number = place.removeprefix("scan ")
        for reason in reasons.split("; ") if colon and number.isdigit() else [message]:
            key = _NUMBER.sub("#", reason)
            grouped.setdefault(key, Complaint(text=reason, alike=False, scans=[]))
            texts.setdefault(key, set()).add(reason)
            if number.isdigit():
                grouped[key].scans.append(int(number))
    for key, complaint in grouped.items():
        complaint.alike = len(texts[key]) > 1
    return list(grouped.values())


def _counts(scans: Mapping[Outcome, tuple[int, ...]], total: int) -> str:
    if len(scans[Outcome.CONVERGED]) == total:
        return "The one scan converged." if total == 1 else f"All {total} scans converged."
    words = {Outcome.FLAGGED: "flagged", Outcome.FAILED: "failed", Outcome.NO_DATA: "without data"}
    others = [f"{len(scans[outcome])} {word}" for outcome, word in words.items() if scans[outcome]]
    return f"{len(scans[Outcome.CONVERGED])} of {_number(total, 'scan')} converged; {', '.join(others)}."


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
