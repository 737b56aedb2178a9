"""One CIF a scan: the cells of the phases that were found in it, as they were refined."""

from __future__ import annotations

from collections.abc import Iterator

from xrdfit.crystal.cif_text import MAGIC, cif_block
from xrdfit.export.entries import method, origin_entries, paragraph, phase_entries, quality_entries, radiation_entries
from xrdfit.export.source import ExportSource


def scan_cifs(source: ExportSource) -> Iterator[tuple[str, str]]:
    """Name (``scan_0017.cif``) and text of the CIF of every scan, with a block for each phase whose cell was refined.

    A phase that is absent, or whose cell was held, has no block; a scan without any such block has no CIF.
    """
    scans = (source.scan(row) for row in source.rows)
    radiation, wavelengths = radiation_entries(source)
    for row, (curves, _) in zip(source.rows, source.stored.each(scans), strict=True):
        quality = quality_entries(source, row, curves)
        details = paragraph(
            [
                f"Scan {source.scan(row)} of a series ({source.stored.columns['source'][row]}): {source.outcome(row)}.",
                f"The cell is from a {method(source)}. There are no refined atoms.",
            ]
        )
        blocks = []
        for phase in source.present(row):
            cell = source.cell(phase, row)
            if cell is None:
                continue
            entries, operations = phase_entries(source, phase, row, cell)
            entries = origin_entries(source) | entries | radiation | quality | {"_refine_special_details": details}
            name = f"{source.block_name(row)}_{phase.name}"
            blocks.append(cif_block(name, entries=entries, loops=(operations, wavelengths)))
        if blocks:
            yield f"{source.block_name(row)}.cif", MAGIC + "\n".join(blocks)
