"""From the template and its parts to one page that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from xrdfit.errors import DataError, Problem
from xrdfit.io import StoredResults
from xrdfit.report.page import fragments
from xrdfit.report.page.payload import map_rows, payload_of, rows_of_page
from xrdfit.report.page.shown import shown_texts, table_columns
from xrdfit.report.page.verdict import complaints_of, remarks_of, verdict_of
from xrdfit.report.page.words import errors_in_words, limits_in_words, settings_of, topics_of
from xrdfit.report.style import phase_colors

REPORT = "report.html"
_SCRIPTS = ("data.js", "draw.js", "map.js", "trajectories.js", "fit.js", "table.js", "main.js")
_NEEDED = frozenset(("scan", "outcome", "r_wp"))
# Scripts only if they are those of this page, no network, styles and images from within it.
_POLICY = (
    "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def report_page(
    stored: StoredResults,
    *,
    title: str,
    log: str,
    lock_text: str,
    locked: Mapping[str, Any],
    doubts: tuple[str, ...] = (),
) -> str:
    """The report of a results directory as one HTML page.

    Parameters
    ----------
    title : what the series is called.
    log : text of ``run.log``, for the warnings about the input.
    lock_text, locked : ``recipe.lock.toml`` as text and as read; empty if there is none.
    doubts : what is amiss with the directory itself, said in the verdict.

    Raises
    ------
    DataError
        The results are damaged.
    """
    columns, phases = stored.columns, stored.phases
    if missing := _NEEDED - columns.keys():
        raise _damaged(stored, "series.h5", f"no column {', '.join(sorted(missing))}")
    remarks = remarks_of(stored.warnings, log)
    rows = rows_of_page(columns)
    held = stored if rows.size == len(columns["scan"]) else _with_rows(stored, rows)
    shown = shown_texts(held.columns, phases)
    colors = {name: to_hex(color) for name, color in phase_colors(phases).items()}
    try:
        recipe = {
            "settings": fragments.pairs(settings_of(locked)),
            "errors": fragments.items(errors_in_words(locked)),
            "limits": fragments.items(limits_in_words(locked)),
            "inputs": fragments.pairs(sorted(locked.get("lock", {}).get("inputs", {}).items())),
        }
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _damaged(stored, "recipe.lock.toml", "something else against the recipe with its defaults") from error
    payload = payload_of(held, np.searchsorted(rows, map_rows(columns)), shown, colors)
    payload["part"] = held is not stored
    script = "\n".join(_part(name) for name in _SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}\n}})();'
    library = _plotly() if payload["fits"] else ""
    return Template(_part("page.html")).substitute(
        policy=_POLICY.format(" ".join(_hash(text) for text in (library, script) if text)),
        title=fragments.text(title),
        subtitle=fragments.text(_subtitle(stored)),
        style=_part("page.css"),
        verdict=fragments.verdict(verdict_of(columns, remarks), doubts),
        remarks=fragments.remarks(remarks, complaints_of(stored.messages), topics_of(stored.notes)),
        series="" if payload["fits"] is None else _part("series.html"),
        thinned=fragments.text(_thinned(payload, columns, rows.size)),
        table=fragments.table(table_columns(held.columns, phases), shown, rows.size),
        **recipe,
        versions=fragments.pairs(sorted(stored.versions.items())),
        recipe_hash=fragments.text(stored.recipe_hash),
        lock=fragments.text(lock_text or stored.recipe_text),
        data=_inert(payload),
        library=library,
        script=script,
    )


def _damaged(stored: StoredResults, name: str, found: str) -> DataError:
    return DataError(
        Problem(
            code="E116",
            what="the results are damaged",
            where=str(stored.directory / name),
            found=found,
            todo="refine again with --fresh",
        )
    )


def _subtitle(stored: StoredResults) -> str:
    n_scans = len(stored.columns["scan"])
    names = ", ".join(phase.name for phase in stored.phases)
    made = f"xrdfit {stored.versions.get('xrdfit', 'of unknown version')}"
    when = stored.date[:16].replace("T", " ")
    return f"{n_scans} {'scan' if n_scans == 1 else 'scans'} · {names} · refined {when} UTC by {made}"


def _with_rows(stored: StoredResults, rows: NDArray[np.intp]) -> StoredResults:
    """Results with these rows of the table alone, and what was said of their scans."""
    columns = {name: values[rows] for name, values in stored.columns.items()}
    places = {f"scan {scan:.0f}" for scan in columns["scan"]}
    messages = tuple(message for message in stored.messages if message.partition(": ")[0] in places)
    return replace(stored, columns=columns, messages=messages)


def _thinned(payload: Mapping[str, Any], columns: Mapping[str, NDArray], n_rows: int) -> str:
    """What this page does not hold of the series, or holds to fewer digits."""
    told = []
    if n_rows < len(columns["scan"]):
        told.append(
            f"Of the {len(columns['scan'])} scans this page holds {n_rows} in curves, table and its download: evenly "
            "spaced ones, and as many as possible of those that need a look. All are in trajectories.csv."
        )
    if payload["fits"] is None:
        return " ".join([*told, "There is no fit to show."])
    held, fitted = len(payload["fits"]["rows"]), int(np.isfinite(columns["r_wp"]).sum())
    told.append("Curves are held to 7 digits, within the range used; the table has every digit of trajectories.csv.")
    if held < fitted:
        told.append(
            f"To keep the page small it holds the fits of {held} of {fitted} scans, evenly spaced, with as many as "
            "possible of those that need a look; the others: xrdfit plot fit RESULTS --scan N."
        )
    if len(payload["map"]["rows"]) < fitted:
        told.append(f"The map shows {len(payload['map']['rows'])} of {fitted} scans.")
    if payload["map"]["joined"] > 1:
        told.append(f"In the map {payload['map']['joined']} neighbouring points are averaged.")
    return " ".join(told)


def _inert(payload: Mapping[str, Any]) -> str:
    """JSON that can end no element and begin none, whatever the texts in it are."""
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    # A browser turns line ends round before it compares the checksum.
    library = str(get_plotlyjs()).replace("\r\n", "\n")
    return library.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _part(name: str) -> str:
    return files("xrdfit.report.page").joinpath(name).read_text(encoding="utf-8")
