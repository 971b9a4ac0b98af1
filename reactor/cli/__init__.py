"""The command line: `bin/reactor` runs the daemon, its subcommands do the rest.

Every expected error is one line on standard error and an exit code of its own: 2 usage, 69 database
unavailable, 75 try again, 78 bad configuration, 130 or 143 after a second signal.
"""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

from reactor.cli import (  # noqa: F401 - their commands add themselves
    alerts,
    boot,
    doctor,
    flush,
    jobs,
    niches,
    publish,
    queue,
    renderer,
    run,
    show,
    volume,
    webhooks,
)
from reactor.cli.app import app
from reactor.errors import ReactorError


def main() -> None:
    """Run a command; expected errors end it in one line."""
    # The pool logs each failed try, in lines of its own form; who waits for it says the same once.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        app(prog_name="bin/reactor")
    except ReactorError as wrong:
        end(wrong)
    except ExceptionGroup as group:  # task groups wrap what is raised inside them
        expected, bugs = group.split(ReactorError)
        if bugs or not expected:
            raise
        end(expected)


def end(wrong: ReactorError | ExceptionGroup[ReactorError]) -> NoReturn:
    """Say in one line what is wrong, and leave with its exit code."""
    while isinstance(wrong, ExceptionGroup):
        wrong = wrong.exceptions[0]
    print(f"reactor: {wrong}", file=sys.stderr)  # noqa: T201
    sys.exit(wrong.exit_code)
