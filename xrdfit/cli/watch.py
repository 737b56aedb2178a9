"""``xrdfit watch``: scans fitted as they arrive, and the refinement of the whole series when no more come."""

from __future__ import annotations

import signal
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from xrdfit.cli.earlier import require_room
from xrdfit.cli.refine import default_output, run_refine
from xrdfit.cli.words import counted
from xrdfit.errors import InputError, in_one_line
from xrdfit.io import Hdf5Stack, files_there, is_hdf5, natural_key, refuse_hopeless
from xrdfit.live import Board, FrameArrivals, Ledger, PageServer, Watch, arrivals_of, nothing_yet
from xrdfit.live.arrivals import PATIENCE, Frame
from xrdfit.recipe import Job, Recipe, build_job, instrument_before_scans, load_recipe, package_versions, recipe_of
from xrdfit.report import phase_colors
from xrdfit.series.following import Following

# s for which the page stays after the end, so that it gets word of it.
_FAREWELL_S = 3.0
# Warnings about scans that are still to come, as far as one can tell.
_NOT_YET = ("W108", "W109")
_STOPPING = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """The words on the line."""

    serve: bool
    port: int | None
    poll_s: float
    until_idle_s: float | None
    fresh: bool


def run_watch(path: Path, output: Path | None, options: WatchOptions) -> int:
    """See what can be wrong before the first scan comes, watch, and refine the series in the end."""
    recipe = load_recipe(path)
    target = (default_output(path) if output is None else output).resolve()
    require_room(target, fresh=options.fresh)
    refuse_hopeless(recipe.tables.data.files, base=recipe.directory)
    wavelength = instrument_before_scans(recipe).lines[0][0]
    with ExitStack() as open_now:
        server = None
        if options.serve or options.port is not None:
            server = PageServer(nothing_yet, port=options.port or 0)
            open_now.callback(server.close)
            _say(f"page, for this machine only, with a secret in its address: {server.url}")
        with _stopped_by_signals() as stop:
            _say(f"watching {' '.join(map(str, recipe.tables.data.files))}; Ctrl-C ends it with the final pass")
            first = _first_frame(recipe, wavelength, options, stop)
            if first is None:
                return run_refine_whole(recipe, target, fresh=options.fresh)
            job = _job_beside_writer(recipe, first, options.poll_s)
            for warning in job.warnings:
                if warning.code not in _NOT_YET:
                    _say(str(warning))
            target.parent.mkdir(parents=True, exist_ok=True)
            ledger = open_now.enter_context(closing(Ledger(target.with_name(f".{target.name}.watch"))))
            ledger.begin({"recipe": recipe.hash, "versions": package_versions()}, fresh=options.fresh)
            watch = _watch_of(job, recipe, first, ledger, options, stop)
            if before := watch.restore():
                _say(f"going on with an interrupted watch: {counted(before)} are done")
            if server is not None:
                server.show(watch.board.state)
            watch.run()
        _say(f"watch ended, {counted(len(watch.board))} fitted; final pass: the whole series is refined")
        watch.board.stand(phase="final")
        whole = _without_unreadable(recipe, watch)
        code = run_refine_whole(whole, target, fresh=options.fresh)
        ledger.remove()
        watch.board.stand(phase="done")
        if server is not None:
            time.sleep(_FAREWELL_S)
    return code


def run_refine_whole(recipe: Recipe, target: Path, *, fresh: bool) -> int:
    """The final pass: what ``xrdfit refine`` does."""
    # Without `resume`, what an interrupted final pass has left is gone on with only if no scan has come since.
    return run_refine(
        recipe, target, fresh=fresh, resume=False, scans=None, workers=None, scheduler=None, as_json=False
    )


def _say(line: str) -> None:
    print(in_one_line(line), flush=True)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that is set by the first of the signals that end programs; the second one ends this one."""
    stop = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():  # where signals cannot be heard
        yield stop
        return
    before = {number: signal.signal(number, hear) for number in _STOPPING}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_frame(recipe: Recipe, wavelength: float, options: WatchOptions, stop: threading.Event) -> Frame | None:
    """The first scan that can be read; None if the watch is to end before there is one.

    Raises
    ------
    InputError
        A stack that nobody writes any more cannot be read.
    """
    began = time.monotonic()
    arrivals, named = None, set[str]()
    while not stop.is_set():
        if arrivals is None:
            arrivals = arrivals_of(recipe, wavelength=wavelength, poll_s=options.poll_s)
        if arrivals is not None:
            for frame in arrivals.look():
                return frame
            for name in arrivals.tally.troubled.keys() - named:
                _say(f"W424 a file that cannot be read · {name} · {arrivals.tally.troubled[name]} · write it again")
                if isinstance(arrivals, FrameArrivals):
                    build_job(recipe, beside_writer=True)
                named.add(name)
        since = began if arrivals is None else max(began, arrivals.tally.last_change)
        if options.until_idle_s is not None and time.monotonic() - since > options.until_idle_s:
            return None
        stop.wait(options.poll_s)
    return None


def _job_beside_writer(recipe: Recipe, first: Frame, poll_s: float) -> Job:
    """The job of the first scan alone, or of the stack as far as it is written, without times and cycler."""
    tables = tomllib.loads(recipe.text)
    tables["data"] |= {"files": [first.path], "times": "none"}
    for name in ("cycler", "fractions"):
        tables.pop(name, None)
    alone = recipe_of(tables, directory=recipe.directory, path=recipe.path)
    last = time.monotonic() + PATIENCE * poll_s
    while True:
        try:
            job = build_job(alone, beside_writer=True)
            if isinstance(job.stack, Hdf5Stack):
                # HDF5 does not open a file once more in another way.
                job.stack.close()
            return job
        except InputError:
            # A stack may be torn at the moment of looking.
            if not is_hdf5(Path(first.path)) or time.monotonic() > last:
                raise
            time.sleep(poll_s)


def _watch_of(
    job: Job, recipe: Recipe, first: Frame, ledger: Ledger, options: WatchOptions, stop: threading.Event
) -> Watch:
    arrivals = arrivals_of(recipe, wavelength=job.instrument.lines[0][0], poll_s=options.poll_s)
    assert arrivals is not None  # the first scan has come
    phases = [phase.label() for phase in job.phases]
    span = job.settings.two_theta_range or (float(first.pattern.two_theta[0]), float(first.pattern.two_theta[-1]))
    return Watch(
        arrivals=arrivals,
        following=Following(
            instrument=job.instrument,
            phases=job.phases,
            background=job.background,
            settings=job.settings,
            known=ledger.known(),
        ),
        ledger=ledger,
        board=Board(recipe.path.stem, phases, phase_colors(phases), span),
        poll_s=options.poll_s,
        until_idle_s=options.until_idle_s,
        stop=stop,
        say=_say,
    )


def _without_unreadable(recipe: Recipe, watch: Watch) -> Recipe:
    """The recipe, or the same for those of its files that could be read, where there are others."""
    left = watch.arrivals.left_over()
    if not left:
        return recipe
    there = files_there(recipe.tables.data.files, base=recipe.directory)
    names = ", ".join(Path(path).name for path in sorted(left, key=natural_key))
    _say(f"W424 files that cannot be read are left out · {names} · write them again, and refine again")
    tables = tomllib.loads(recipe.text)
    tables["data"]["files"] = [str(path) for path in there if str(path) not in left]
    return recipe_of(tables, directory=recipe.directory, path=recipe.path)
