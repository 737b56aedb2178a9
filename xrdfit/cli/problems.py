"""How mistakes and failures reach the user: one line each, no traceback unless asked for."""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Callable

import typer

from xrdfit.cli.interrupts import EXIT_INTERRUPTED, asked_for, heard
from xrdfit.errors import InputError, NoResultError, Problem

# Lines of one kind of mistake that are shown before they are counted.
_SHOWN = 5
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
EXIT_UNEXPECTED = 1


def input_error(code: str, what: str, *, where: object, found: str, todo: str) -> InputError:
    """An `InputError` with one problem, for mistakes on the command line itself."""
    return InputError(Problem(code=code, what=what, where=str(where), found=found, todo=todo))


def system_problem(error: OSError, *, where: object = None, todo: str | None = None) -> Problem:
    """What the system had against reading or writing."""
    place = str(error.filename2 or error.filename or where or "file system")
    full = error.errno in _NO_ROOM
    return Problem(
        code="E169" if full else "E182",
        what="no room left to write" if full else "cannot read or write",
        where=place,
        found=error.strerror or " ".join(str(error).split()),
        todo=todo or ("make room, then try again" if full else "check the path"),
    )


def problem_lines(error: InputError) -> list[str]:
    """One line a problem; beyond a handful of the same code and kind, a count."""
    lines, counts = [], dict[tuple[str, str], int]()
    for problem in error.problems:
        kind = (problem.code, problem.what)
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= _SHOWN:
            lines.append(str(problem))
    for (code, what), count in counts.items():
        if count > _SHOWN:
            lines.append(f"{code} {what} · {count - _SHOWN} more like this")
    return lines


def spoken(run: Callable[[], int | None]) -> int:
    """Run the program and put what the parser of the command line has to say into the form of all messages.

    The parser's exceptions are known by what they can do: their classes have moved between versions of typer.
    """
    try:
        return run() or 0
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        words = context.command_path if context is not None else "xrdfit"
        if type(error).__name__ == "NoArgsIsHelpError":
            if error.format_message():  # newer versions have printed the help by now
                print(error.format_message(), file=sys.stderr)
        else:
            found = " ".join(error.format_message().split()).rstrip(".")
            print(f"E186 wrong words on the line · {words} · {found} · see {words} --help", file=sys.stderr)
        return InputError.exit_code


def _interrupted() -> int:
    heard()
    print("interrupted; nothing half-written is left, and a refinement goes on with --resume", file=sys.stderr)
    return EXIT_INTERRUPTED


def guarded(run: Callable[[], int], *, debug: bool) -> int:
    """Run a verb and turn what it raises into messages on standard error and an exit code."""
    try:
        with warnings.catch_warnings():
            if not debug:  # what numbers went wrong where is for developers; users get outcomes and messages
                warnings.simplefilter("ignore")
            return run()
    except InputError as error:
        if debug:
            traceback.print_exc()
        print("\n".join(problem_lines(error)), file=sys.stderr)
        return error.exit_code
    except NoResultError as error:
        if debug:
            traceback.print_exc()
        print(f"{error.code} {error.what} · series · {error} · {error.todo}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:  # whoever was to read on, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if debug:
            traceback.print_exc()
        print(system_problem(error), file=sys.stderr)
        return InputError.exit_code
    except MemoryError as error:
        if debug:
            traceback.print_exc()
        found = f"{error or 'no more of it'} against what the series needs"
        print(
            f"E177 not enough memory · this machine · {found} · fewer workers, or part of it by --scans",
            file=sys.stderr,
        )
        return EXIT_UNEXPECTED
    except Exception as error:  # the last line of defence: whatever is a bug must still end in words
        if asked_for():
            return _interrupted()
        if debug:
            traceback.print_exc()
        kind = type(error).__name__
        print(f"E900 unexpected {kind} · xrdfit · {error} · run again with --debug and report it", file=sys.stderr)
        return EXIT_UNEXPECTED
