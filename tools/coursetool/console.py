"""Console blocks of pages: what `<!-- run ... -->` asks for, how its commands are executed, and what is shown of it."""
import re
import shlex
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coursetool import canonical
from coursetool.compare import line_range
from coursetool.errors import CourseError
from coursetool.nearest import did_you_mean
from coursetool.steps import Program, Step, find_program

CUT = "..."  # the line that stands for lines left out
LONGEST_RUN = 900  # seconds

_IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
# Where a full data set may be: below the root, or elsewhere.
_DATA_SETS = {"fashion-mnist": ("data", "data/fashion-mnist", "/usr/share/datasets/fashion-mnist")}


class NotBuilt(CourseError):
    """A program that a page needs is not there, or older than its source."""

    def __init__(self, program: Program, message: str):
        super().__init__(message)
        self.program = program


class NoData(CourseError):
    """A full data set that a page needs is not on this machine."""


@dataclass(frozen=True)
class Window:
    """The part of an output that is shown; all of it by default."""

    lines: tuple[int, int] | None = None  # first and last, from 1
    first: str = ""
    last: str = ""

    def show(self, output: str) -> str:
        """That part, with a line `...` where something was cut off."""
        lines = output.splitlines()
        if self.lines:
            begin, end = self.lines[0] - 1, min(self.lines[1], len(lines))
            if begin >= len(lines):
                raise CourseError(f"line {self.lines[0]} is asked for, but the output has only {len(lines)}")
        else:
            begin, end = self._matching(lines)
        shown = ([CUT] if begin > 0 else []) + lines[begin:end] + ([CUT] if end < len(lines) else [])
        return "".join(f"{line}\n" for line in shown)

    def _matching(self, lines: list[str]) -> tuple[int, int]:
        found = line_range(lines, self.first, self.last or None)
        if found is None:
            if not lines and not self.first:
                return 0, 0
            raise CourseError(f"from=\"{self.first}\" matches no line of the output")
        if self.last and not re.search(self.last, lines[found[1] - 1]):
            raise CourseError(f"to=\"{self.last}\" matches no line of the output behind from=\"{self.first}\"")
        return found


@dataclass(frozen=True)
class Options:
    """What stands behind `run` (or `expected: file`)."""

    data: str = ""
    exit: int = 0
    stderr: bool = False
    window: Window = Window()
    environment: tuple[tuple[str, str], ...] = ()


def parse_options(argument: str, window_only: bool = False) -> Options:
    """`data=fashion-mnist exit=2 from="^a" to="^b"`; CourseError for what is not understood."""
    try:
        words = shlex.split(argument)
    except ValueError as error:
        raise CourseError(f"the attributes '{argument}' cannot be read: {error}") from None
    values: dict[str, str] = {}
    known = ["lines", "head", "from", "to"] + ([] if window_only else ["data", "exit", "stderr", "env"])
    environment = []
    for word in words:
        key, equals, value = word.partition("=")
        if key not in known:
            raise CourseError(f"unknown attribute '{key}'{did_you_mean(key, known)}; known: {', '.join(known)}")
        if key == "env":
            name, separator, setting = value.partition("=")
            if not separator or not name.isidentifier():
                raise CourseError(f"'{word}' must be env=\"NAME=value\"")
            environment.append((name, setting))
        elif (key == "stderr") == bool(equals):
            raise CourseError("'stderr' takes no value" if equals else f"'{key}' needs a value, as in {key}=...")
        elif key in values:
            raise CourseError(f"'{key}' is there twice")
        else:
            values[key] = value
    if values.get("data", "fashion-mnist") not in _DATA_SETS:
        raise CourseError(f"data='{values['data']}' is no data set; known: {', '.join(_DATA_SETS)}")
    return Options(values.get("data", ""), _number("exit", values.get("exit", "0")), "stderr" in values, _window(values),
                   tuple(environment))


def _number(key: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text):
        raise CourseError(f"'{key}' must be a number, but it is '{text}'")
    return int(text)


def _window(values: Mapping[str, str]) -> Window:
    given = [key for key in ("lines", "head", "from", "to") if key in values]
    if len(given) > 1 and given != ["from", "to"]:
        raise CourseError(f"'{given[0]}' and '{given[1]}' cannot stand together")
    if "head" in values:
        return Window(lines=(1, max(1, _number("head", values["head"]))))
    if "lines" in values:
        numbers = re.fullmatch(r"(\d{1,6})-(\d{1,6})", values["lines"])
        if not numbers or not 1 <= int(numbers[1]) <= int(numbers[2]):
            raise CourseError(f"'lines' must be FIRST-LAST, as in lines=3-12, but it is '{values['lines']}'")
        return Window(lines=(int(numbers[1]), int(numbers[2])))
    for key in given:
        try:
            re.compile(values[key])
        except re.error as error:
            raise CourseError(f"{key}=\"{values[key]}\" is not a regular expression: {error}") from None
    return Window(first=values.get("from", ""), last=values.get("to", ""))


@dataclass(frozen=True)
class Command:
    """One `$ command` of a block."""

    text: tuple[str, ...]                          # its lines in the page
    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()  # NAME=value before it
    output: tuple[str, ...] = ()                   # what stands below it in the page

    @property
    def plain(self) -> str:
        """In one line."""
        return " ".join(line.removesuffix("\\").strip() for line in self.text).removeprefix("$ ")


def parse_block(body: Sequence[str], language: str) -> list[Command]:
    """The commands of a block, each with the output below it. In `sh` blocks every line is a command."""
    commands: list[Command] = []
    lines = list(body)
    prompt = "$ " if language == "console" else ""
    while lines:
        line = lines.pop(0)
        if line.startswith(prompt) and (prompt or (line.strip() and not line.lstrip().startswith("#"))):
            text = [line]
            while text[-1].endswith("\\") and lines:
                text.append(lines.pop(0))
            commands.append(_command(text, prompt))
        elif commands and prompt:
            last = commands.pop()
            commands.append(Command(last.text, last.words, last.environment, last.output + (line,)))
        elif prompt:
            raise CourseError(f"a console block begins with '$ command', but this one begins with '{line}'")
    if not commands:
        raise CourseError("the block has no command")
    return commands


def _command(text: list[str], prompt: str) -> Command:
    plain = " ".join(line.removesuffix("\\").strip() for line in text).removeprefix(prompt)
    lexer = shlex.shlex(plain, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError as error:
        raise CourseError(f"the command '{plain}' cannot be read: {error}") from None
    environment = []
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment.append((name, value))
    return Command(tuple(text), tuple(words), tuple(environment))


@dataclass
class Runner:
    """Executes commands in the canonical environment; the same one only once.

    Runs are kept in a folder that is gone afterwards; in commands and in what they print it is called runs/.
    """

    root: Path
    build: Path
    steps: list[Step]
    _runs: str = field(default_factory=lambda: tempfile.mkdtemp(prefix="course-runs-"))
    _done: dict[tuple, str | CourseError] = field(default_factory=dict)

    def __post_init__(self):
        weakref.finalize(self, shutil.rmtree, self._runs, ignore_errors=True)

    def program_of(self, command: Command) -> tuple[Program, tuple[str, ...]] | None:
        """The program and its arguments if the command runs one by `./course run` or by its path in build/."""
        words = command.words
        if words[:2] == ("./course", "run"):
            rest = list(words[2:])
            name = rest.pop(0) if rest and rest[0] != "--" else ""
            if rest and rest[0] != "--":
                raise CourseError(f"'{command.plain}' is not './course run STEP[/PROGRAM] [-- ARGS]'; put "
                                  "<!-- not run: reason --> before it if it cannot be run here")
            program = find_program(self.steps, name)[1] if name else self.newest()
            return program, tuple(rest[1:])
        built = re.fullmatch(r"(?:\./)?build/\w+/bin/(\w+)", words[0]) if words else None
        if built:
            for program in (program for step in self.steps for program in step.programs):
                if program.target == built[1]:
                    return program, tuple(words[1:])
        return None

    def newest(self) -> Program:
        """What `./course run` runs without a step: the newest one."""
        if not self.steps:
            raise CourseError("there is no step to run")
        return self.steps[-1].programs[0]

    def canonical_program(self, command: Command, options: Options) -> Program | None:
        """The program whose canonical run this command is: its output is the one in expected/."""
        if command.environment or options.environment or options.data or options.stderr or options.exit:
            return None
        found = self.program_of(command)
        return found[0] if found and found[1] == found[0].args else None

    def run(self, command: Command, options: Options = Options()) -> str:
        """What the command prints, tidied. CourseError for another exit code than the one expected."""
        operator = next((word for word in command.words if re.fullmatch(r"[();<>|&]+", word)), None)
        if operator:
            raise CourseError(f"'{command.plain}' uses the shell's '{operator}'; a page's command runs without a shell: "
                              "show a part of its output by from=, to=, head= or lines=")
        if not command.words:
            raise CourseError(f"'{command.plain}' is no command")
        found = self.program_of(command)
        words = [str(self.binary(found[0])), *found[1]] if found else list(command.words)
        variables = dict(options.environment + command.environment)
        if options.data:
            variables["COURSE_DATA"] = str(self.data_set(options.data))
        key = (*words, *sorted(variables.items()), options.stderr, options.exit)
        if key not in self._done:
            try:
                self._done[key] = self._execute(words, variables, options, command.plain)
            except CourseError as error:
                self._done[key] = error
        if isinstance(self._done[key], CourseError):
            raise self._done[key]
        return self._done[key]

    def run_program(self, program: Program) -> str:
        """What the program prints in its canonical run."""
        words = ("./course", "run", f"{program.source.parent.name[4:6]}/{program.name}", *(("--", *program.args) if program.args else ()))
        return self.run(Command((f"$ {shlex.join(words)}",), words))

    def binary(self, program: Program) -> Path:
        """The built program; NotBuilt says how to build it."""
        path = self.build / "bin" / program.target
        how = f"build it: cmake --build {self._build_name()} --target {program.target}"
        if not path.is_file():
            raise NotBuilt(program, f"{program.target} is not built; {how}")
        others = {f"{name}.cpp" for name in _program_names(self.steps, program)} - {program.source.name}
        for source in (*program.source.parent.glob("**/*.cpp"), *program.source.parent.glob("**/*.h")):
            aside = source.relative_to(program.source.parent).parts[0] in ("exercises", "python", *others)
            if not aside and source.stat().st_mtime > path.stat().st_mtime:
                raise NotBuilt(program, f"{program.target} is older than {source.relative_to(self.root)}; {how}")
        return path

    def data_set(self, name: str) -> Path:
        """The folder of a full data set; NoData where it is not on this machine."""
        for folder in (self.root / place for place in _DATA_SETS[name]):
            if all((folder / file).is_file() or (folder / f"{file}.gz").is_file() for file in _IDX_FILES):
                return folder
        raise NoData(f"the full data set {name} is not on this machine (./course data {name} fetches it)")

    def _build_name(self) -> str:
        inside = self.build.is_relative_to(self.root)
        return str(self.build.relative_to(self.root) if inside else self.build)

    def _execute(self, words: list[str], variables: dict[str, str], options: Options, plain: str) -> str:
        errors = subprocess.STDOUT if options.stderr else subprocess.PIPE
        words = [re.sub(r"^runs(?=/|$)", self._runs, word) for word in words]
        environment = canonical.environment(self.root) | {"COURSE_RUNS": self._runs} | variables
        try:
            done = subprocess.run(words, cwd=self.root, env=environment, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8",
                                  errors="replace", timeout=LONGEST_RUN)
        except subprocess.TimeoutExpired:
            raise CourseError(f"'{plain}' was still running after {LONGEST_RUN // 60} minutes") from None
        except OSError as error:
            raise CourseError(f"'{plain}' cannot be run: {words[0]}: {error.strerror}") from None
        if done.returncode != options.exit:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise CourseError(f"'{plain}' ended with exit code {done.returncode}, expected was {options.exit}"
                              + (f"; it said: {said[-1]}" if said else ""))
        return canonical.tidy(done.stdout.replace(self._runs, "runs"), self.root, self.build)


def _program_names(steps: list[Step], program: Program) -> list[str]:
    return [one.name for step in steps if program in step.programs for one in step.programs]
