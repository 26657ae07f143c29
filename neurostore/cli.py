"""The command line: every command is a thin face of a function; here they are gathered and their errors end.

Exit status: 0 done, 1 some inputs failed, 2 usage, 3 nothing could be done, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from neurostore.commands import (
    body,
    check,
    compare,
    demo,
    distances,
    doctor,
    erase,
    export,
    ingest,
    maintain,
    migrate,
    model,
    organise,
    overlay,
    pseudonymise,
    refine,
    refresh,
    release,
    report,
    review,
    serve,
    sql,
    table1,
    tables,
    verify,
)
from neurostore.commands.help_sections import SectionedHelp
from neurostore.errors import NeurostoreError
from neurostore.release import VERSION
from neurostore.wording import printable

app = typer.Typer(
    name="neurostore",
    cls=SectionedHelp,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(VERSION)
        raise typer.Exit


@app.callback()
def neurostore(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """The open lakehouse for human movement: captures in, joint angles, gait cycles and comparisons out.

    Every command has its own help, as in: neurostore ingest --help
    """


ingest.register(app)
check.register(app)
organise.register(app)
tables.register(app)
sql.register(app)
distances.register(app)
compare.register(app)
report.register(app)
table1.register(app)
release.register(app)
review.register(app)
serve.register(app)
maintain.register(app)
refresh.register(app)
pseudonymise.register(app)
doctor.register(app)
migrate.register(app)
erase.register(app)
verify.register(app)
model.register(app)
overlay.register(app)
export.register(app)
refine.register(app)
body.register(app)
demo.register(app)


def main() -> None:
    """Run the command line and end the process with its exit status. Set NEUROSTORE_DEBUG=1 to see tracebacks."""
    try:
        app()
    except SystemExit as end:
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            print("neurostore: interrupted; the lake is intact", file=sys.stderr)
            sys.stderr.flush()
            os._exit(130)  # threads of a query that was stopped are not waited for
        raise
    except NeurostoreError as error:
        if os.environ.get("NEUROSTORE_DEBUG"):
            raise
        print(f"neurostore: {printable(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (MemoryError, OSError) as error:  # the machine's, wherever it met us: what is in the lake is whole
        if os.environ.get("NEUROSTORE_DEBUG"):
            raise
        if isinstance(error, MemoryError):
            text = f"not enough memory ({str(error) or 'none left'}): ask for less data, or use --workers 1"
        else:
            text = f"{error.filename or 'a file'}: {error.strerror or error}"
        print(f"neurostore: {printable(text)}; repair it and try again. The lake is unchanged", file=sys.stderr)
        sys.exit(NeurostoreError.exit_code)


if __name__ == "__main__":
    main()
