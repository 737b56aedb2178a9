"""Results of a run, made just now or read from disk: the same object, the same numbers."""

from __future__ import annotations

import shutil
import tomllib
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from xrdfit.data import Curves, PhaseLines
from xrdfit.errors import InputError, Problem
from xrdfit.io import StoredResults, read_results
from xrdfit.notebook.tables import dataframe_of, dataset_of
from xrdfit.recipe import Job, build_job, recipe_of
from xrdfit.report import (
    hand_over,
    representative_scan,
    results_card,
    run_verdict,
    stored_fit_figure,
    stored_map_figure,
    trajectory_figure,
)

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.axes import Axes

LOG = "run.log"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False, weakref_slot=True)
class Results:
    """What a run found; made by `xrdfit.load` or `Series.refine`.

    ``results["LFP_a"]`` is a column of the table, NaN where nothing was measured.

    Attributes
    ----------
    stored : the results directory.
    job : what was refined, if that was done by `Series.refine`.
    temporary : whether the directory goes with this object.
    """

    stored: StoredResults
    job: Job | None = None
    temporary: bool = False

    @classmethod
    def of(cls, directory: str | Path) -> Results:
        """Results on disk.

        Raises
        ------
        DataError
            No results there, or a ``series.h5`` that is damaged or of another version.
        """
        return cls(stored=read_results(directory))

    @classmethod
    def of_temporary(cls, directory: Path, job: Job) -> Results:
        """Results whose directory is removed when nobody holds them any more."""
        results = cls(stored=read_results(directory), job=job, temporary=True)
        weakref.finalize(results, shutil.rmtree, directory, ignore_errors=True)
        return results

    @property
    def columns(self) -> Mapping[str, NDArray]:
        """The columns of ``trajectories.csv``, (n_scans,) each, in order."""
        return self.stored.columns

    @property
    def units(self) -> Mapping[str, str]:
        """Unit by column; empty for numbers without one."""
        return self.stored.units

    @property
    def directory(self) -> Path:
        """Where the results are."""
        return self.stored.directory

    def __len__(self) -> int:
        return len(self.columns["scan"])

    def __iter__(self) -> Iterator[str]:
        """The names of the columns, as a DataFrame has it; ``len`` is the number of scans."""
        return iter(self.columns)

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __getitem__(self, column: str) -> NDArray:
        if not isinstance(column, str) or column not in self.columns:
            near = get_close_matches(str(column), self.columns, n=3)
            raise InputError(
                Problem(
                    code="E199",
                    what="no such column",
                    where=str(self.directory),
                    found=f"found no {column!r} in the table",
                    todo=f"did you mean {', '.join(near)}?" if near else "list(results.columns) has all of them",
                )
            )
        return self.columns[column]

    def curves(self, scan: int) -> Curves:
        """Observed and calculated pattern of a scan, by its number in the stack."""
        return self.stored.curves(scan)

    def lines(self, scan: int) -> tuple[PhaseLines, ...]:
        """Lines of every phase in a scan: hkl, position, area and its esd."""
        return self.stored.lines(scan)

    def refine(
        self,
        output: str | Path | None = None,
        *,
        scans: Iterable[int] | None = None,
        workers: int = 1,
        fresh: bool = False,
    ) -> Results:
        """Refine the same series again; see `Series.refine`.

        Of results on disk the recipe is read from them, and its files are looked for beside the results directory,
        which is where ``xrdfit refine`` puts it unless told otherwise.
        """
        from xrdfit.notebook.series import Series  # which makes results

        job = self.job
        if job is None:
            tables = tomllib.loads(self.stored.recipe_text)
            job = build_job(recipe_of(tables, directory=self.directory.resolve().parent))
        return Series(job=job).refine(output, scans=scans, workers=workers, fresh=fresh)

    def to_dataframe(self) -> pandas.DataFrame:
        """The table of the series as a pandas DataFrame, indexed by scan.

        ``attrs["units"]`` and ``attrs["comments"]`` are by column.

        Raises
        ------
        InputError
            pandas is not installed.
        """
        return dataframe_of(self.stored)

    def to_xarray(self, *, patterns: bool = True) -> xarray.Dataset:
        """The table as an xarray Dataset over ``scan``, units in the attributes of each variable.

        Parameters
        ----------
        patterns : with ``observed``, ``calculated`` and ``background`` over scan and ``two_theta``, if all scans share
            one grid; scans without a fit are NaN.

        Raises
        ------
        InputError
            xarray is not installed.
        """
        return dataset_of(self.stored, patterns=patterns)

    def plot_map(self) -> Axes:
        """All patterns as one image; the other panels are ``axes.figure.axes``."""
        return hand_over(stored_map_figure(self.stored))[0]

    def plot_trajectories(self, x: str = "scan") -> tuple[Axes, ...]:
        """Cell parameters, volume, fractions and R_wp over ``scan``, ``time``, ``soc``, ``capacity`` or ``voltage``."""
        return hand_over(trajectory_figure(self.columns, self.stored.phases, x=x))

    def plot_fit(self, scan: int | None = None) -> Axes:
        """The fit of a scan; by default of one with most phases, its weakest as strong as can be."""
        chosen = representative_scan(self.stored) if scan is None else scan
        return hand_over(stored_fit_figure(self.stored, chosen))[0]

    def __repr__(self) -> str:
        verdict = run_verdict(self.columns, self.stored.warnings, self._log())
        return "\n".join([f"{verdict.headline}. {' '.join(verdict.sentences)}", self._origin()])

    def _repr_html_(self) -> str:
        return results_card(
            self.columns,
            self.stored.phases,
            warnings=self.stored.warnings,
            messages=self.stored.messages,
            log=self._log(),
            origin=self._origin(),
        )

    def _log(self) -> str:
        path = self.directory / LOG
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def _origin(self) -> str:
        where = 'not kept on disk: refine("name") does that' if self.temporary else str(self.directory)
        return f"refined {self.stored.date[:16].replace('T', ' ')} UTC; {where}"
