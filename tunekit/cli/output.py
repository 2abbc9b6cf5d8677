"""Saying it to the terminal: results on standard output, everything else on standard error.

The one place of tunekit that prints. A reader that went away (`tunekit apply ... | head`, a lost
ssh) never changes what a command does or what it exits with.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from tunekit.engine.interrupts import Guard
from tunekit.errors import ExitCode, ProfileError, TunekitError, UsageError
from tunekit.records import dataclass
from tunekit.report.formats import Format, render

if TYPE_CHECKING:
    from pathlib import Path

    from tunekit.cli.reports import ReportFile
    from tunekit.report.model import Report

DEFAULT_WIDTH = 80
RUN_FAILED = 125
"""What `run` exits with when it is tunekit that failed, as env(1) does."""
_FORMAT_FLAG = re.compile(r"-[a-zA-Z]*f(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one call wants to be answered."""

    format: Format = Format.TABLE
    quiet: bool = False
    verbose: bool = False
    everything: bool = False
    reports: tuple[ReportFile, ...] = ()
    plot: Path | None = None


class InternalError(TunekitError):
    """Something that is tunekit's own fault."""

    exit_code = ExitCode.INTERNAL


def prepare() -> None:
    """Make the standard streams safe to use, whatever we were started with."""
    # A descriptor that is closed here would be given to the next file opened, such as the journal,
    # and what is printed would go there.
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def deliver(command: str, look: Look, operation: Callable[[], Report]) -> int:
    """Run an operation of the API, say what came of it, and return the exit code."""
    with Guard() as guard:
        try:
            with guard.raising():
                report = operation()
        except TunekitError as error:
            report = failure(command, error)
        except Exception as error:
            report = failure(command, internal(error, look.verbose))
        try:
            return show(report, look)
        except Exception as error:
            # A report that cannot be drawn still has to say what came of the command.
            lost = failure(command, internal(error, look.verbose))
            return show(replace(lost, changed=report.changed), look)


def deliver_file(
    command: str, look: Look, operation: Callable[[], Report], target: Path | None
) -> int:
    """Like `deliver`, for a command that makes a file: to `target` if that is given."""

    def kept() -> Report:
        report = operation()
        if target is None or not report.text:
            return report
        from tunekit.files.new_file import create

        create(target, report.text)
        return replace(report, text="", changed=True, verdict=f"written to {target}")

    return deliver(command, look, kept)


def failure(command: str, error: TunekitError) -> Report:
    """The report of a command that ended in an error."""
    from tunekit.report.model import Report

    return Report(command=command, exit_code=error.exit_code, errors=problems(error))


def problems(error: TunekitError) -> tuple[TunekitError, ...]:
    """The errors that an error stands for: a profile tells all of its own at once."""
    return error.problems if isinstance(error, ProfileError) else (error,)


def show(report: Report, look: Look) -> int:
    """Print a report: the result to standard output, errors and notes to standard error."""
    if not look.quiet:
        for note in report.notes:
            say(f"note: {note}")
    text = render(
        report,
        look.format,
        width=width(),
        colour=colour(),
        everything=look.everything,
    )
    # Errors come last, where they are seen on a terminal.
    written = write(text)
    for file in look.reports:
        text = render(report, file.format, width=DEFAULT_WIDTH, colour=False)
        written = _keep(file.path, text) and written
    if look.plot is not None:
        written = _draw(report, look.plot) and written
    for error in report.errors:
        say(f"error: {error}")
    if not written and report.exit_code is ExitCode.OK and not report.changed:
        return int(ExitCode.IMPOSSIBLE)
    return int(report.exit_code)


def _draw(report: Report, path: Path) -> bool:
    """Draw a report's pictures into a file; False when it could not be kept, which is said."""
    from tunekit.report import plot
    from tunekit.report.pictures import pictures

    found = pictures(report)
    if not found:
        say(f"note: nothing was measured that could be drawn; {path} is not written")
        return True
    return _keep(path, plot.draw(found, path.suffix.lower()))


def _keep(path: Path, content: str | bytes) -> bool:
    """Write a file; False when it could not be kept, which is said."""
    from tunekit.cli.reports import replace_file

    try:
        replace_file(path, content)
    except OSError as error:
        say(f"error: cannot write {path}: {error.strerror}")
        return False
    return True


def write(text: str) -> bool:
    """Write to standard output; False when it could not be kept, which is said.

    A reader that closed the pipe has had all that it wanted.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError as error:
        _silence(sys.stdout)
        say(f"error: cannot write to standard output: {error.strerror}")
        return False
    return True


def say(text: str) -> None:
    """Write one remark to standard error, on one line and safe to show."""
    from tunekit.report.escape import visible

    whisper(f"tunekit: {visible(text)}\n")


def whisper(text: str) -> None:
    """Write to standard error as it is; nobody may be there to read it."""
    try:
        if sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)


def width() -> int:
    """The columns to fold to: COLUMNS, else the terminal's, else 80."""
    from shutil import get_terminal_size

    return get_terminal_size((DEFAULT_WIDTH, 24)).columns


def colour() -> bool:
    """Tell whether standard output wants colour (https://no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def usage_error(error: Any, arguments: Sequence[str]) -> int:
    """Say what is wrong with the command line, in the format that it asks for."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "tunekit"
    command = path.removeprefix("tunekit").strip()
    if context and (not arguments or type(error).__name__ == "NoArgsIsHelpError"):
        # No argument at all is a question rather than a mistake.
        whisper(f"{context.get_help()}\n")
        return int(ExitCode.USAGE)
    problem = UsageError(_in_lower_case(error.format_message()), hint=f"see {path} --help")
    if command == "run":
        # Its standard output is its command's, and its 2 would be taken for the command's.
        say(f"error: {problem}")
        return RUN_FAILED
    return show(failure(command, problem), Look(format=asked_format(arguments)))


def asked_format(arguments: Sequence[str]) -> Format:
    """The format that a command line which cannot be parsed asks for, as far as can be told."""
    words = list(arguments)
    if "--" in words:
        words = words[: words.index("--")]
    found = ""
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        if word == "--format":
            found = following
        elif word.startswith("--format="):
            found = word.partition("=")[2]
        elif match := _FORMAT_FLAG.fullmatch(word):
            found = match[1].removeprefix("=") or following
    return next((known for known in Format if known.value == found), Format.TABLE)


def _in_lower_case(message: str) -> str:
    message = " ".join(message.split()).rstrip(".")
    return message[:1].lower() + message[1:]


def internal(error: Exception, verbose: bool) -> InternalError:
    """Turn a fault of ours into one line that it can be reported by."""
    import platform
    import traceback

    from tunekit import __version__

    if verbose:
        whisper("".join(traceback.format_exception(error)))
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('tunekit/')[2]}:{frames[-1].lineno}" if frames else ""
    about = f"tunekit {__version__}, Python {platform.python_version()}, Linux {platform.release()}"
    return InternalError(
        f"internal error: {type(error).__name__}: {error} ({place}; {about})",
        hint="this is a fault of tunekit: please report this line"
        + ("" if verbose else " and what the same command says with --verbose"),
    )


def _silence(stream: TextIO | None) -> None:
    """Send what is still buffered to nowhere, so that the interpreter's last flush succeeds."""
    if stream is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
