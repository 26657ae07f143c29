"""The command line: every command calls one function of the library; here they are gathered, and their errors become messages.

Exit status: 0 done, 1 some inputs failed, 2 usage, 3 nothing could be done, 130 interrupted.
"""

from __future__ import annotations

import atexit
import gc
import os
import re
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from importlib import import_module
from shlex import quote
from typing import Annotated, Any, NoReturn

import typer
from typer.models import CommandInfo

from neurostore import no_pandas, sign_of_life
from neurostore.commands.help_sections import SectionedHelp
from neurostore.errors import NeurostoreError
from neurostore.release import VERSION
from neurostore.wording import printable

USAGE_STATUS = 2
STAY_OPEN = ("serve",)  # commands that wait until they are ended
END_AT_ONCE = ("sql",)  # commands that close what they open and write nothing after their last line

# The modules of neurostore.commands in the order of the help, and the commands that each of them registers.
MODULES = {
    "ingest": ("ingest",),
    "check": ("check", "markers"),
    "organise": ("template", "organise"),
    "tables": ("trials", "subjects", "history", "version"),
    "sql": ("sql",),
    "distances": ("distances", "neighbours"),
    "compare": ("compare",),
    "report": ("report",),
    "table1": ("table1",),
    "release": ("release",),
    "review": ("review",),
    "serve": ("serve",),
    "maintain": ("compact", "catalogue", "export-lake"),
    "refresh": ("refresh",),
    "pseudonymise": ("pseudonymise",),
    "doctor": ("doctor",),
    "migrate": ("migrate",),
    "erase": ("erase",),
    "verify": ("verify",),
    "model": ("model",),
    "overlay": ("overlay",),
    "export": ("export",),
    "refine": ("refine",),
    "body": ("body",),
    "demo": ("demo",),
}


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(VERSION)
        raise typer.Exit


def neurostore(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """The open lakehouse for human movement: captures in, joint angles, gait cycles and comparisons out.

    Every command has its own help, as in: neurostore ingest --help
    """


def command_line(asked: str = "") -> typer.Typer:
    """The program with all its commands, or only those of the module that has the requested one.

    Typer builds a validator for every option of every command, which takes longer than many of the commands. For
    ``--help``, which lists the commands alone, they therefore have no options.
    """
    app = typer.Typer(
        name="neurostore",
        cls=SectionedHelp,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(neurostore)
    for module in [m for m, names in MODULES.items() if asked in names] or MODULES:
        import_module(f"neurostore.commands.{module}").register(app)
    if asked == "--help":
        _leave_out_options(app)
    return app


def _leave_out_options(app: typer.Typer) -> None:
    """Replace every command by one of the same name and docstring without options; the modules keep theirs."""
    app.registered_commands = [_described(command) for command in app.registered_commands]
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.typer_instance = copy(group.typer_instance)
            _leave_out_options(group.typer_instance)


def _described(command: CommandInfo) -> CommandInfo:
    """A command of the same name and docstring that takes no options."""
    described = copy(command)
    described.callback = _described_as(command.callback)
    return described


def _described_as(function: Callable[..., Any] | None) -> Callable[[], None]:
    """A function that does nothing, with the name and the docstring of another."""

    def described() -> None:
        """Replaced below."""

    described.__name__, described.__doc__ = getattr(function, "__name__", ""), getattr(function, "__doc__", "")
    return described


def main() -> None:
    """Run the command line and end the process with its exit status. Set NEUROSTORE_DEBUG=1 to see tracebacks."""
    if _asked() in END_AT_ONCE:
        gc.set_threshold(20_000)  # modules are most of what it loads: looking for cycles after 700 objects finds none
    try:
        run()
    except SystemExit as ended:
        if _asked() not in END_AT_ONCE or not isinstance(ended.code, int | None):
            raise
        status = ended.code or 0
    _end(status)


def _asked() -> str:
    return sys.argv[1] if len(sys.argv) > 1 else ""


def _end(status: int) -> None:
    """End the process; its modules are not taken apart one by one, which takes a tenth of a second after a query.

    What other modules registered for the end of the process is done first, as always.
    """
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.exit(status)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # the reader has gone: Python says so, and with which status it ends
        sys.exit(status)
    os._exit(status)


def run() -> NoReturn:
    """Run the command line, which ends with SystemExit."""
    asked = _asked()
    try:
        with no_pandas.kept_out(), nullcontext() if asked in STAY_OPEN else sign_of_life.shown():
            command_line(asked)()
        sys.exit(0)
    except SystemExit as end:
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            print("neurostore: interrupted; the lake is intact", file=sys.stderr)
            sys.stderr.flush()
            os._exit(130)  # do not wait for the threads of a stopped query
        if end.code == USAGE_STATUS:
            _say_stray_lake(sys.argv[1:], end.__context__)
        raise
    except NeurostoreError as error:
        if os.environ.get("NEUROSTORE_DEBUG"):
            raise
        print(f"neurostore: {printable(str(error))}", file=sys.stderr)
        _say_stray_lake(sys.argv[1:])
        sys.exit(error.exit_code)
    except (MemoryError, OSError) as error:  # from the machine, at any point: the lake stays intact
        if _is_broken_pipe(error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        if os.environ.get("NEUROSTORE_DEBUG"):
            raise
        if isinstance(error, MemoryError):
            text = f"not enough memory ({str(error) or 'none left'}): ask for less data, or use --workers 1"
        else:
            text = f"{error.filename or 'a file'}: {error.strerror or error}"
        print(f"neurostore: {printable(text)}. Correct this and try again; the lake is unchanged", file=sys.stderr)
        sys.exit(NeurostoreError.exit_code)


def _say_stray_lake(arguments: list[str], error: BaseException | None = None) -> None:
    """Where a command failed and was given a lake without ``--lake``, or what may be one, say that it needs the option.

    error : what the parser of the command line raised, if that failed.
    """
    alone = [text for before, text in zip(["", *arguments], arguments, strict=False) if before != "--lake"]
    lakes = [text for text in alone if os.path.isfile(os.path.join(text, "_neurostore", "lake.json"))]
    extra = re.fullmatch(r"Got unexpected extra argument(?:\(s\)|s)? \((.+)\)", getattr(error, "message", ""))
    command = getattr(getattr(error, "ctx", None), "command", None)
    takes_lake = any(option.name == "lake" for option in getattr(command, "params", ()))
    if lakes:
        hint = f"{lakes[0]} is a lake: name it as --lake {quote(lakes[0])}"
    elif extra and takes_lake:
        hint = f"if {extra[1]} is a lake, name it as --lake {quote(extra[1])}"
    else:
        return
    print(f"neurostore: {printable(hint)}", file=sys.stderr)


def _is_broken_pipe(error: MemoryError | OSError) -> bool:
    """Whether the reader of our output has gone, as with ``| head``; polars raises an OSError without a number."""
    if isinstance(error, BrokenPipeError):
        return True
    return isinstance(error, OSError) and error.errno is None and "Broken pipe" in str(error)


if __name__ == "__main__":
    main()
