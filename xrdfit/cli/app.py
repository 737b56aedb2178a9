"""The verbs and their options. Everything heavy is imported when a verb runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from xrdfit import __version__
from xrdfit.cli.doing import Fresh, Output, Recipe
from xrdfit.cli.doing import do as _do
from xrdfit.cli.doing import state as _state
from xrdfit.cli.interrupts import hear_interrupts, leave
from xrdfit.cli.problems import spoken
from xrdfit.cli.watch_verb import watch

app = typer.Typer(
    name="xrdfit",
    help="Lattice trajectories from operando powder diffraction.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
plot = typer.Typer(help="One figure of a results directory.", no_args_is_help=True)
app.add_typer(plot, name="plot")
app.command()(watch)

Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="Results directory of a run.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def main() -> None:
    """Entry point of the ``xrdfit`` command; ``--debug`` may stand anywhere on the line."""
    _state["debug"] = "--debug" in sys.argv
    words = [word for word in sys.argv[1:] if word != "--debug"]
    hear_interrupts()
    leave(spoken(lambda: app(args=words, prog_name="xrdfit", standalone_mode=False)))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"xrdfit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Lattice trajectories from operando powder diffraction."""
    _state["debug"] |= debug


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write the demo; made if missing.")],
    run: Annotated[bool, typer.Option("--run", help="Refine it, too.")] = False,
) -> None:
    """Write the bundled simulated LiFePO4/FePO4 series and its recipe, and refine it with --run."""
    from xrdfit.cli.demo import run_demo

    _do(lambda: run_demo(directory, refine=run), of_series=run)


@app.command()
def check(recipe: Recipe, as_json: Json = False) -> None:
    """Read every input, fit nothing, say what a run would do."""
    from xrdfit.cli.check import run_check

    _do(lambda: run_check(recipe, as_json=as_json))


@app.command()
def refine(
    recipe: Recipe,
    output: Output = None,
    fresh: Fresh = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run ended; begin if there is none.")] = False,
    scans: Annotated[str | None, typer.Option("--scans", metavar="A:B", help="Scans A to B-1 only.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes that share the work; 1 by default.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="URL", help="A Dask cluster: tcp://host:8786.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Refine a series: the main job."""
    from xrdfit.cli.refine import run_refine

    _do(
        lambda: run_refine(
            recipe,
            output,
            fresh=fresh,
            resume=resume,
            scans=scans,
            workers=workers,
            scheduler=scheduler,
            as_json=as_json,
        ),
        of_series=True,
    )


@app.command()
def simulate(
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Stack to write (.h5).")] = None,
    scenario: Annotated[
        str, typer.Option(help="well-behaved, distorted, bilayer or internal standard.")
    ] = "well-behaved",
    seed: Annotated[int, typer.Option(help="Of the counting statistics.")] = 1,
    scans: Annotated[int, typer.Option(help="Number of scans in the cycle.")] = 42,
    counts: Annotated[float, typer.Option(help="Factor on the reference counting time.")] = 1.0,
    sweep: Annotated[bool, typer.Option(help="The cell changes while a scan is measured.")] = False,
    departures: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="NAME=NUMBER", help="A broken assumption, such as texture=0.3; repeatable."),
    ] = None,
    bound: Annotated[
        bool, typer.Option("--bound", help="Print the smallest errors that the counts allow; -o is then optional.")
    ] = False,
    fresh: Fresh = False,
    as_json: Json = False,
) -> None:
    """Write a stack with known truth (/entry/truth) and, beside it, the recipe that refines it."""
    from xrdfit.cli.simulate import run_simulate

    _do(
        lambda: run_simulate(
            output,
            scenario,
            seed=seed,
            n_scans=scans,
            counts=counts,
            sweep=sweep,
            departures=departures or (),
            bound=bound,
            fresh=fresh,
            as_json=as_json,
        )
    )


@app.command("import")
def import_(
    files: Annotated[list[str], typer.Argument(metavar="FILES", help="Pattern files or globs, in natural order.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Stack to write (.h5).")],
    fresh: Fresh = False,
    times: Annotated[str, typer.Option(help="header, none, file-modification, or a CSV file.")] = "header",
    time_zone: Annotated[str | None, typer.Option(help="Of times that state none, such as Europe/Berlin.")] = None,
    dates: Annotated[
        str | None, typer.Option(help="day-first or month-first, where dates in a CSV do not tell.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Of text files, such as two_theta,intensity,-: what to take, from left to right.")
    ] = None,
    wavelength: Annotated[float | None, typer.Option(help="In Å; makes 2theta of patterns over Q.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Path of the data in an HDF5 file.")] = None,
) -> None:
    """Put pattern files, with their times, into one NeXus stack."""
    from xrdfit.cli.import_files import run_import

    _do(
        lambda: run_import(
            files,
            output,
            fresh=fresh,
            times=times,
            time_zone=time_zone,
            dates=dates,
            columns=columns,
            wavelength=wavelength,
            dataset=dataset,
        )
    )


@plot.command("trajectory")
def plot_trajectory(
    results: Results,
    x: Annotated[str, typer.Option("--x", help="scan, time, soc, capacity or voltage.")] = "scan",
    output: Output = None,
) -> None:
    """Cell parameters, volume and quality over the series."""
    from xrdfit.cli.figures import plot_results

    _do(lambda: plot_results("trajectory", results, output, x=x))


@plot.command("fit")
def plot_fit(
    results: Results,
    scan: Annotated[int | None, typer.Option(help="Scan number; the best two-phase scan by default.")] = None,
    output: Output = None,
) -> None:
    """Observed and calculated pattern of one scan with its difference and line positions."""
    from xrdfit.cli.figures import plot_results

    _do(lambda: plot_results("fit", results, output, scan=scan))


@plot.command("map")
def plot_map(results: Results, output: Output = None) -> None:
    """All patterns of the series as an image."""
    from xrdfit.cli.figures import plot_results

    _do(lambda: plot_results("map", results, output))


@plot.command("residuals")
def plot_residuals(results: Results, output: Output = None) -> None:
    """What the fits of all scans left, in standard deviations, as an image."""
    from xrdfit.cli.figures import plot_results

    _do(lambda: plot_results("residuals", results, output))


@plot.command("patterns")
def plot_patterns(
    results: Results,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="A:B", help="deg 2theta, such as the main lines; a panel each, repeatable."),
    ] = None,
    output: Output = None,
) -> None:
    """Patterns one above the other, with the lines of every phase and the state of the cell."""
    from xrdfit.cli.figures import plot_results

    _do(lambda: plot_results("patterns", results, output, ranges=ranges or ()))


@app.command()
def curves(
    results: Results,
    x: Annotated[
        str | None,
        typer.Option("--x", help="soc, capacity, voltage, time or scan; soc by default, scan without a cycler."),
    ] = None,
    output: Output = None,
) -> None:
    """a, b, c, volume and fractions against state of charge: CSV and figure."""
    from xrdfit.cli.figures import write_curves

    _do(lambda: write_curves(results, x=x, output=output))


@app.command()
def report(
    results: Results,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """The series as one HTML page that needs no network: verdict, linked figures, table, downloads."""
    from xrdfit.cli.report import run_report

    _do(lambda: run_report(results, open_it=open_it))


@app.command()
def export(
    results: Results,
    kind: Annotated[str, typer.Argument(metavar="FORMAT", help="csv, origin, cif (one a scan) or pdcif (the series).")],
    output: Output = None,
    fresh: Fresh = False,
) -> None:
    """Results in the formats of other programs."""
    from xrdfit.cli.export import run_export

    _do(lambda: run_export(results, kind, output, fresh=fresh))


@app.command()
def gitt(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The cycler's record of the titration.")],
    output: Output = None,
    mass_mg: Annotated[float | None, typer.Option(help="Of the active material.")] = None,
    molar_mass: Annotated[float | None, typer.Option(help="Of the active material, g/mol.")] = None,
    molar_volume: Annotated[float | None, typer.Option(help="Of the active material, cm^3/mol.")] = None,
    area_cm2: Annotated[float | None, typer.Option(help="Through which lithium enters it.")] = None,
    length_um: Annotated[float | None, typer.Option(help="Diffusion length: thickness, or radius of spheres.")] = None,
    sphere: Annotated[bool, typer.Option("--sphere", help="The length is the radius of spheres.")] = False,
    capacity_mah: Annotated[
        float | None, typer.Option(help="Full capacity; the largest half cycle by default.")
    ] = None,
    dates: Annotated[
        str | None, typer.Option(help="day-first or month-first, where the record's dates do not tell.")
    ] = None,
) -> None:
    """Diffusion coefficient, IR drop and overpotential of every pulse of a GITT: CSV and figure."""
    from xrdfit.cli.gitt import run_gitt

    _do(
        lambda: run_gitt(
            file,
            output,
            mass_mg=mass_mg,
            molar_mass=molar_mass,
            molar_volume=molar_volume,
            area_cm2=area_cm2,
            length_um=length_um,
            sphere=sphere,
            capacity_mah=capacity_mah,
            dates=dates,
        )
    )


@app.command()
def calibrate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Pattern of a standard.")],
    standard: Annotated[str, typer.Option(help="LaB6-660c, Si-640f, Al2O3-676a, CeO2-674b, …")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write.")] = Path("instrument.toml"),
    radiation: Annotated[str | None, typer.Option(help="Cu (default), Mo, Co, Ag, Cr or Fe.")] = None,
    wavelength: Annotated[float | None, typer.Option(help="Å, instead of --radiation.")] = None,
    geometry: Annotated[str | None, typer.Option(help="bragg-brentano, or debye-scherrer.")] = None,
    emission: Annotated[str, typer.Option(help="doublet, or hoelzer: the measured emission profile.")] = "doublet",
    contaminant: Annotated[list[str] | None, typer.Option(help="k_beta or w_l_alpha; repeatable.")] = None,
    radius: Annotated[float | None, typer.Option(help="Goniometer radius, mm; else the file's, else 217.5.")] = None,
    divergence: Annotated[
        float | None, typer.Option(help="Of the divergence slit, deg; 0 leaves it out; refined if not said.")
    ] = None,
    axial: Annotated[str | None, typer.Option(help="soller, fcj or none; by the geometry if left out.")] = None,
    position: Annotated[str, typer.Option(help="auto, offset, zero or both.")] = "auto",
    temperature: Annotated[
        float | None, typer.Option(help="Of the standard, °C; else that of the certificate.")
    ] = None,
    cell: Annotated[str | None, typer.Option(help="Free cell lengths, Å, instead of the certified: 4.15678")] = None,
    free_cell: Annotated[bool, typer.Option("--free-cell", help="Refine the cell, too.")] = False,
    background: Annotated[int, typer.Option(min=1, max=40, help="Chebyshev terms.")] = 10,
    two_theta_range: Annotated[str | None, typer.Option("--range", metavar="A:B", help="deg 2theta.")] = None,
    fresh: Fresh = False,
) -> None:
    """The instrument's resolution, divergence and position errors from the pattern of a standard."""
    from xrdfit.cli.calibrate import CalibrateOptions, run_calibrate

    options = CalibrateOptions(
        standard=standard,
        radiation=radiation,
        wavelength=wavelength,
        geometry=geometry,
        emission=emission,
        contaminants=contaminant or [],
        radius=radius,
        divergence=divergence,
        axial=axial,
        position=position,
        temperature=temperature,
        cell=cell,
        free_cell=free_cell,
        background=background,
        two_theta_range=two_theta_range,
    )
    _do(lambda: run_calibrate(file, output, options, fresh=fresh))


@app.command()
def bench(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write what was measured, JSON.")
    ] = None,
    peers: Annotated[bool, typer.Option("--peers", help="The same scans through every installed peer, too.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Seconds instead of minutes, with fewer repeats.")] = False,
    fresh: Fresh = False,
    as_json: Json = False,
) -> None:
    """How fast refinements are on this machine, side by side with other programs that are installed."""
    from xrdfit.cli.bench import run_bench

    _do(lambda: run_bench(output, peers=peers, quick=quick, fresh=fresh, as_json=as_json))


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="Such as E101; all are listed without.")] = None,
) -> None:
    """What a warning or error code means and what to do."""
    from xrdfit.cli.explain import run_explain

    _do(lambda: run_explain(code))
