"""A run at a glance, as a notebook shows it: the verdict, and a few rows of the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import PhaseLabel
from xrdfit.report.page.fragments import items, text
from xrdfit.report.page.shown import TableColumn, shown_texts, table_columns
from xrdfit.report.page.verdict import Verdict, complaints_of, remarks_of, verdict_of

# Of a longer table the first and the last rows.
_ENDS = 4
# Scans and reasons that are named; the rest is counted.
_MOST_NAMED = 20
_MOST_REASONS = 5
_COLORS = {"clean": "#1a7f37", "flagged": "#bf8700", "failed": "#cf222e"}
_CELL = "style='text-align:right;padding:0 .6em;white-space:nowrap'"


def run_verdict(columns: Mapping[str, NDArray], warnings: Iterable[str], log: str) -> Verdict:
    """The verdict that the report page gives, too; ``log`` has the warnings about the input."""
    return verdict_of(columns, remarks_of(warnings, log))


def results_card(
    columns: Mapping[str, NDArray],
    phases: Sequence[PhaseLabel],
    *,
    warnings: Sequence[str],
    messages: Sequence[str],
    log: str,
    origin: str,
) -> str:
    """HTML that needs nothing around it, for light and dark backgrounds.

    Parameters
    ----------
    log : text of ``run.log``, for the warnings about the input.
    origin : said below the table: where the results are, what made them.
    """
    remarks = remarks_of(warnings, log)
    verdict = verdict_of(columns, remarks)
    body = f"<strong style='color:{_COLORS[verdict.kind]}'>{text(verdict.headline)}</strong> "
    body += text(" ".join(verdict.sentences))
    for outcome, scans in verdict.scans.items():
        body += f"<br>{text(outcome.replace('_', ' ').capitalize())}: {_numbers(scans)}"
    body += f"<br><em>{text(' '.join(verdict.todo))}</em>" if verdict.kind != "clean" else ""
    told = [f"{remark.code} {remark.what}: {'; '.join(remark.todo)}" for remark in remarks]
    told += [said.text + (" (and alike)" if said.alike else "") for said in complaints_of(messages)]
    shown = told[:_MOST_REASONS] + ([f"{len(told) - _MOST_REASONS} more"] if len(told) > _MOST_REASONS else [])
    body += f"<ul style='margin:.2em 0'>{items(shown)}</ul>" if shown else ""
    table = _table(table_columns(columns, phases), columns, phases)
    return (
        f"<div style='border-left:4px solid {_COLORS[verdict.kind]};padding-left:.8em'>{body}"
        f"<div style='overflow-x:auto;margin:.5em 0'>{table}</div><small>{text(origin)}</small></div>"
    )


def _numbers(scans: Sequence[int]) -> str:
    more = f" and {len(scans) - _MOST_NAMED} more" if len(scans) > _MOST_NAMED else ""
    return ", ".join(map(str, scans[:_MOST_NAMED])) + more


def _table(shown: Sequence[TableColumn], columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel]) -> str:
    n_scans = len(columns["scan"])
    rows = np.arange(n_scans)
    is_long = n_scans > 2 * _ENDS + 1
    if is_long:
        rows = np.concatenate([rows[:_ENDS], rows[-_ENDS:]])
    texts = shown_texts({name: values[rows] for name, values in columns.items()}, phases)
    heads = "".join(
        f"<th {_CELL}>{text(f'{column.phase} ' if column.phase else '')}{text(column.heading)}"
        f"{f' ({text(column.unit)})' if column.unit else ''}</th>"
        for column in shown
    )
    lines = [_row(texts[column.name][place] for column in shown) for place in range(rows.size)]
    if is_long:
        lines.insert(_ENDS, _row("…" for _ in shown))
    body = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f"<table style='color:inherit;font-size:inherit'>{body}</table>"


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<td {_CELL}>{text(cell)}</td>' for cell in cells)}</tr>"
