"""The errors that a user sees: one sentence each, and the exit code that goes with it."""
import sys
from collections.abc import Callable
from typing import NoReturn


class CourseError(Exception):
    """Something that stops a verb: printed as `error: ...`, exit code 1."""

    exit_code = 1


class UsageError(CourseError):
    """A wrong verb, step, flag or argument: printed as `error: ...`, exit code 2."""

    exit_code = 2


class CommandFailed(CourseError):
    """A command that was run for the user did not succeed: its exit code is passed on."""

    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        self.exit_code = exit_code


def printable(text: object, most: int = 200) -> str:
    """Text of a file or a server for a message of one line: what a terminal would act on is escaped, and long text cut."""
    text = str(text)
    kept = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:most])
    return kept + ("…" if len(text) > most else "")


def run_as_program(main: Callable[[list[str]], int]) -> NoReturn:
    """Ends the process as a part of the tools does that is called by itself, as `python3 -m coursetool.docs`."""
    try:
        sys.exit(main(sys.argv[1:]))
    except CourseError as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.exit_code)
