"""Prints the plain command that is about to run, and runs it: nobody needs to depend on ./course."""
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from coursetool.errors import CommandFailed, CourseError


def colored(stream=sys.stdout) -> bool:
    """Are colours wanted there? NO_COLOR and TERM=dumb say no, CLICOLOR_FORCE says yes (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, code: str, stream=sys.stdout) -> str:
    """`text` in the given SGR colour ("1" bold, "2" dim, "31" red ...), where colours are wanted."""
    return f"\033[{code}m{text}\033[0m" if text and colored(stream) else text


def show(command: Sequence[str | Path], folder: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
    """Prints `+ command` as it could be typed, on standard error: standard output is the program's."""
    words = [f"{key}={shlex.quote(value)}" for key, value in (environment or {}).items()]
    words += [shlex.quote(str(word)) for word in command]
    line = " ".join(words)
    if folder is not None and folder.resolve() != Path.cwd().resolve():
        line = f"(cd {shlex.quote(str(folder))} && {line})"
    sys.stdout.flush()
    print(paint(f"+ {line}", "2", sys.stderr), file=sys.stderr, flush=True)


def call(command: Sequence[str | Path], folder: Path | None = None,
         environment: Mapping[str, str] | None = None) -> int:
    """Shows and runs a command; its exit code (128 + n when signal n ended it)."""
    show(command, folder, environment)
    try:
        done = subprocess.run([str(word) for word in command], cwd=folder, check=False,
                              env={**os.environ, **(environment or {})})
    except FileNotFoundError:
        raise CourseError(f"'{command[0]}' was not found; ./course doctor says what this machine lacks") from None
    except OSError as error:
        raise CourseError(f"'{command[0]}' cannot be run: {error.strerror}") from None
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def run(command: Sequence[str | Path], folder: Path | None = None,
        environment: Mapping[str, str] | None = None, quiet: bool = False) -> None:
    """As call(), but raises CommandFailed unless the command succeeds; a quiet one is heard only then."""
    if quiet:
        show(command, folder, environment)
        code, said = output(command, folder)
        if code:
            print(said, file=sys.stderr)
    else:
        code = call(command, folder, environment)
    if code:
        raise CommandFailed(f"this command failed with exit code {code}: {shlex.join(map(str, command))}", code)


def output(command: Sequence[str | Path], folder: Path | None = None) -> tuple[int, str]:
    """Runs a question quietly: its exit code (127 when there is no such program) and all it printed."""
    try:
        done = subprocess.run([str(word) for word in command], cwd=folder, check=False, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}"
    return done.returncode, done.stdout
