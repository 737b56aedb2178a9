"""A series that was read and checked, and how it becomes results."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from html import escape
from operator import index
from pathlib import Path

from xrdfit.cli.refine import refine_into
from xrdfit.cli.workers import open_workers
from xrdfit.errors import InputError, Problem
from xrdfit.io import SERIES_FILE, SeriesFile, atomic_write, read_results
from xrdfit.notebook.results import LOG, Results
from xrdfit.recipe import LOCK, Job, lock_text, package_versions
from xrdfit.series import refine_series
from xrdfit.series.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Series:
    """Scans and what is to be refined of them; made by `xrdfit.load`.

    Attributes
    ----------
    job : stack, phases, instrument and settings, with warnings about the input.
    """

    job: Job

    def __len__(self) -> int:
        return len(self.job.stack)

    def refine(
        self,
        output: str | Path | None = None,
        *,
        scans: Iterable[int] | None = None,
        workers: int = 1,
        fresh: bool = False,
    ) -> Results:
        """Refine the series.

        Parameters
        ----------
        output : a results directory with figures and report, as ``xrdfit refine`` writes it; there a run that was
            interrupted goes on where it ended. Without, the results are kept as long as the object that is returned.
        scans : their numbers, such as ``range(0, 10)``; all by default.
        workers : processes that share the work; the numbers do not depend on it.
        fresh : replace results that are there.

        Raises
        ------
        InputError
            The recipe's parameters do not fit the model, there are no such scans, or `output` holds something.
        NoResultError
            Not one scan could be fitted.
        """
        chosen = self._chosen(scans)
        target = None if output is None else Path(output)
        if target is not None:
            _refuse_existing(target, fresh=fresh)
        pool = open_workers(workers, None, stack=self.job.stack, n_scans=len(chosen))
        with closing(pool), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numbers that went wrong on the way; scans have outcomes
            if target is None:
                return self._refine_here(chosen, pool)
            refine_into(self.job, target, scans=chosen, workers=pool, fresh=fresh, quiet=True)
            return Results(stored=read_results(target), job=self.job)

    def _refine_here(self, scans: list[int], workers: Workers) -> Results:
        """What is written is what a results directory holds of numbers, so that nothing depends on where they are."""
        job = self.job
        work = Path(tempfile.mkdtemp(prefix="xrdfit-"))
        try:
            with SeriesFile(
                work,
                recipe_text=job.recipe_text,
                recipe_hash=job.recipe_hash,
                versions=package_versions(),
                stack=job.stack,
            ) as file:
                file.finish(refine_series(job, scans=scans, writer=file, workers=workers))
            atomic_write(work / LOCK, lock_text(job))
            atomic_write(work / LOG, "".join(f"{warning}\n" for warning in job.warnings))
            return Results.of_temporary(work, job)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise

    def _chosen(self, scans: Iterable[int] | None) -> list[int]:
        known = range(len(self))
        try:
            chosen = list(known) if scans is None else sorted({index(scan) for scan in scans})
        except TypeError:
            raise InputError(
                Problem(
                    code="E181",
                    what="no such scans",
                    where="scans",
                    found=f"found {scans!r} against whole numbers",
                    todo="scans=range(0, 10), or a list such as [0, 3, 7]",
                )
            ) from None
        if outside := [scan for scan in chosen if scan not in known]:
            raise InputError(
                Problem(
                    code="E181",
                    what="no such scans",
                    where="scans",
                    found=f"found {outside[0]} against 0 to {len(known) - 1}",
                    todo="scans are numbered from 0",
                )
            )
        return chosen

    def __repr__(self) -> str:
        return "\n".join([self._summary(), *map(str, self.job.warnings)])

    def _repr_html_(self) -> str:
        told = "".join(f"<li>{escape(str(warning))}</li>" for warning in self.job.warnings)
        return f"<div><strong>{escape(self._summary())}</strong>{f'<ul>{told}</ul>' if told else ''}</div>"

    def _summary(self) -> str:
        settings, names = self.job.settings, ", ".join(phase.name for phase in self.job.phases)
        words = [f"{len(self)} {'scan' if len(self) == 1 else 'scans'}", names]
        if settings.two_theta_range is not None:
            words.append("{:g} to {:g}° 2θ".format(*settings.two_theta_range))
        return " · ".join([*words, f"mode {settings.mode}", f"intensities {settings.intensities}", "not refined yet"])


def _refuse_existing(target: Path, *, fresh: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    ours = target.is_dir() and (target / SERIES_FILE).exists()
    if ours and fresh:
        return
    raise InputError(
        Problem(
            code="E180",
            what="results are there already" if ours else "the output is something else than results",
            where=str(target),
            found=f"{SERIES_FILE} against a new directory" if ours else "other files against a new or empty directory",
            todo="fresh=True replaces them; xrdfit.load reads them" if ours else "give another directory",
        )
    )
