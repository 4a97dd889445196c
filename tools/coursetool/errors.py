"""The errors that a user sees: one sentence each, and the exit code that goes with it."""


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
