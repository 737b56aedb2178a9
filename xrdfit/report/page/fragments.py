"""Pieces of HTML. Whatever comes from outside goes through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby

from xrdfit.report.page.shown import TableColumn
from xrdfit.report.page.verdict import Complaint, Remark, Verdict

# So many scans are named as buttons; the rest is in the table.
_MOST_NAMED = 40


def text(words: str) -> str:
    """Text that is nothing but text, also within an attribute."""
    return escape(words, quote=True)


def items(texts: Iterable[str]) -> str:
    """Entries of a list."""
    return "".join(f"<li>{text(words)}</li>" for words in texts)


def pairs(named: Iterable[tuple[str, str]]) -> str:
    """Entries of a description list."""
    return "".join(f"<dt>{text(name)}</dt><dd>{text(str(value))}</dd>" for name, value in named)


def verdict(told: Verdict, doubts: Sequence[str]) -> str:
    """The verdict with the scans that need a look."""
    body = f"<h2 id='verdict-title'>{text(told.headline)}</h2>"
    body += "".join(f"<p>{text(sentence)}</p>" for sentence in told.sentences)
    for outcome, scans in told.scans.items():
        body += f"<p>{text(outcome.replace('_', ' ').capitalize())}: {_buttons(scans)}</p>"
    body += "".join(f"<p>{text(doubt)}</p>" for doubt in doubts)
    body += f"<p class='next'><strong>What to do next</strong></p><ul>{items(told.todo)}</ul>"
    return f"<section class='verdict {told.kind}' aria-labelledby='verdict-title'>{body}</section>"


def remarks(warned: Sequence[Remark], complaints: Sequence[Complaint], topics: Mapping[str, Sequence[str]]) -> str:
    """Warnings, what is said of single scans, and notes."""
    body = ""
    if warned:
        body += f"<h2>Warnings</h2>{''.join(_remark(remark) for remark in warned)}"
    if complaints:
        entries = "".join(
            f"<li>{text(said.text)}{' (and alike)' if said.alike else ''}"
            f"{': ' + _buttons(said.scans) if said.scans else ''}</li>"
            for said in complaints
        )
        body += f"<h2>Why scans need a look</h2><ul>{entries}</ul>"
    if topics:
        notes = "".join(f"<h3>{text(topic)}</h3><ul>{items(notes)}</ul>" for topic, notes in topics.items())
        body += f"<details><summary>Notes of the run ({sum(map(len, topics.values()))})</summary>{notes}</details>"
    return f"<section class='remarks' aria-label='Warnings and notes'>{body}</section>" if body else ""


def table(columns: Sequence[TableColumn], shown: Mapping[str, Sequence[str]], n_scans: int) -> str:
    """Head and body of the table; headings are buttons that sort."""
    groups = "".join(
        f"<th scope='colgroup' colspan='{len(list(members))}'>{text(phase or '')}</th>"
        for phase, members in groupby(columns, key=lambda column: column.phase)
    )
    heads = "".join(
        f"<th scope='col' data-column='{text(column.name)}'><button type='button'>{text(column.heading)}"
        f"{f' ({text(column.unit)})' if column.unit else ''}</button></th>"
        for column in columns
    )
    texts = [shown.get(column.name, [""] * n_scans) for column in columns]
    rows = []
    for row in range(n_scans):
        scan, *others = (text(of_column[row]) for of_column in texts)
        outcome = text(shown["outcome"][row])
        cells = "".join(f"<td>{cell}</td>" for cell in others)
        head = f"<th scope='row'><button type='button' data-scan='{scan}'>{scan}</button></th>"
        rows.append(f"<tr data-row='{row}' class='{outcome}'>{head}{cells}</tr>")
    return f"<thead><tr>{groups}</tr><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"


def _remark(remark: Remark) -> str:
    places = "".join(f"<li><strong>{text(where)}</strong>: {text(found)}</li>" for where, found in remark.places)
    todo = "; ".join(remark.todo)
    return (
        f"<div class='remark'><h3><span class='code'>{text(remark.code)}</span> {text(remark.what)}</h3>"
        f"<ul>{places}</ul>{f'<p><strong>Do:</strong> {text(todo)}</p>' if todo else ''}</div>"
    )


def _buttons(scans: Sequence[int]) -> str:
    shown = "".join(
        f"<button type='button' class='go' data-scan='{scan}'>{scan}</button>" for scan in scans[:_MOST_NAMED]
    )
    return shown + (f" and {len(scans) - _MOST_NAMED} more" if len(scans) > _MOST_NAMED else "")
