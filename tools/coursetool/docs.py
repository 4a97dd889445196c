"""`./course docs`: brings the lessons' pages and expected output up to date with code and runs, or says what is stale."""
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coursetool import canonical, changes, exercises, expected, shape
from coursetool.compare import Rules, compare
from coursetool.console import Command, NoData, NotBuilt, Options, Runner, parse_block, parse_options
from coursetool.errors import CourseError, UsageError, run_as_program
from coursetool.ladder import ladder
from coursetool.markdown import Block, Generated, Page, read_page
from coursetool.nearest import did_you_mean
from coursetool.regions import cut
from coursetool.report import LineError, Report
from coursetool.steps import Step, find_step, load_steps

ROOT = Path(__file__).resolve().parents[2]
PAGES = "pages"  # what the pages outside of the steps are called on the command line
HELP = f"""\
Usage: ./course docs [--check] [--build-dir FOLDER] [STEP... | {PAGES}]

Brings the pages of the lessons and their expected output up to date with the code and with runs of the built
programs. Without a step: all of them, and the pages outside of the steps, which are called '{PAGES}'.

  --check             write nothing; say what is stale and exit with 1 if anything is
  --build-dir FOLDER  where the programs are (default: build/release)
"""

# What must stand before a block of these languages, so that it says where it comes from.
_CODE = "<!-- code: file#region --> or <!-- typed: reason -->"
_TEXT = "<!-- expected: main.txt --> or <!-- typed: reason -->"
_COMMANDS = "<!-- run --> or <!-- not run: reason -->"
_BEFORE = {"cpp": _CODE, "c++": _CODE, "python": _CODE, "py": _CODE, "text": _TEXT, "": _TEXT,
           "console": _COMMANDS, "bash": _COMMANDS, "sh": _COMMANDS, "shell": _COMMANDS}


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    check: bool
    build: Path
    names: tuple[str, ...]


def main(argv: Sequence[str], root: Path = ROOT, machine: canonical.Machine | None = None) -> int:
    """The verb: 0, or 1 if something is stale or wrong. `machine` is examined unless given."""
    if "--help" in argv or "-h" in argv:
        print(HELP, end="")
        return 0
    request = _parse(argv, root)
    steps = load_steps(root)
    chosen = [find_step(steps, name) for name in request.names if name != PAGES] if request.names else steps
    course = Course(root, steps, request.build, machine or canonical.examine(request.build), request.check)
    for step in chosen:
        course.step(step)
    if not request.names or PAGES in request.names:
        course.pages()
    return course.finish()


def _parse(argv: Sequence[str], root: Path) -> Request:
    check, build, names, rest = False, root / "build" / "release", [], list(argv)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word == "--check":
            check = True
        elif name == "--build-dir":
            if not equals and not rest:
                raise UsageError("--build-dir needs a folder, as in --build-dir build/dev")
            build = Path(value if equals else rest.pop(0)).absolute()
        elif word.startswith("-"):
            raise UsageError(f"docs has no flag '{word}'{did_you_mean(word, ['--check', '--build-dir', '--help'])}; "
                             "it has --check, --build-dir and --help")
        else:
            names.append(word)
    return Request(check, build, tuple(names))


class Course:
    """All that is drawn and checked, and what was found on the way."""

    def __init__(self, root: Path, steps: list[Step], build: Path, machine: canonical.Machine, check: bool):
        self.root, self.steps, self.machine, self.check = root, steps, machine, check
        self.runner = Runner(root, build, steps)
        self.report = Report(root)
        self.files = shape.markdown_files(root)

    def step(self, step: Step) -> None:
        """One lesson: expected output, pages, and its limits."""
        expected.update(step, self.runner, self.machine, self.report, self.check)
        shape.check_sources(step, self.report)
        before = self.before(step)
        if before:
            for sentence in changes.over_budget(before, step):
                self.report.find(step.folder / "step.toml", 0, sentence)
        lesson = step.folder / "README.md"
        if not lesson.is_file():
            self.report.find(lesson, 0, "is missing; every step has its page")
        for path in self.files:
            if path.is_relative_to(step.folder):
                page = self.page(path, step)
                if path == lesson:
                    shape.check_lesson(step, page, self.report)

    def pages(self) -> None:
        """Every page outside of the steps."""
        for path in self.files:
            if not any(path.is_relative_to(step.folder) for step in self.steps):
                self.page(path, None)

    def page(self, path: Path, step: Step | None) -> Page:
        """Brings one page up to date or reports what is stale in it; gives it as it then is."""
        page = read_page(path)
        for problem in page.problems:
            self.report.find(path, problem.line, str(problem))
        drawn = _Drawn(self, page, step)
        new: dict[tuple[int, int], list[str]] = {}
        for part in sorted((*page.blocks, *page.generated), key=lambda part: part.end):
            body = drawn.block(part) if isinstance(part, Block) else drawn.generated(part)
            if body is not None:
                new[part.line, part.end] = [f"{part.indent}{one}".rstrip() for one in body]
        if new and not self.check:
            parts = f"{len(new)} part{'' if len(new) == 1 else 's'}"
            self.report.write(path, page.replaced(new), parts)
            page = read_page(path)
        shape.check_links(page, self.root, self.report)
        return page

    def finish(self) -> int:
        """Prints what was found; the exit code."""
        report = self.report
        if not self.machine.canonical and report.written:
            report.remark(f"note: this is not the canonical machine ({self.machine.reason}): the last digits of numbers "
                          "written here may differ from those of Debian 12; write them there")
        report.show()
        if report.findings:
            print(f"docs: {len(report.findings)} thing{'' if len(report.findings) == 1 else 's'} to mend", file=sys.stderr)
            return 1
        if not report.written:
            where = "" if self.machine.canonical else f", within tolerances: {self.machine.reason}"
            print(f"docs: everything is up to date{where}")
        return 0

    def before(self, step: Step) -> Step | None:
        at = self.steps.index(step)
        return self.steps[at - 1] if at > 0 else None


class _Drawn:
    """Makes the blocks of one page. Each maker gives the new body, or None where the old one may stay."""

    def __init__(self, course: Course, page: Page, step: Step | None):
        self.course, self.page, self.step = course, page, step
        self.folder = page.path.parent
        self.mend = f"./course docs {step.label if step else PAGES}"

    def block(self, block: Block) -> list[str] | None:
        makers: dict[str, Callable[[Block], list[str] | None]] = {
            "code": self.code, "expected": self.expected, "run": self.run, "not run": self.not_run, "typed": self.typed}
        commands = _BEFORE.get(block.language) == _COMMANDS
        if block.directive and commands != (block.directive.name in ("run", "not run")):
            wanted = _COMMANDS if commands else f"{_CODE} or {_TEXT}".replace(" or <!-- typed: reason -->", "", 1)
            self._find(block.line, f"<!-- {block.directive.name} --> does not go with a block of this language"
                                   f"{f' ({block.language})' if block.language else ''}; what does: {wanted}")
            return None
        if block.directive:
            return self._guarded(block.line, lambda: makers[block.directive.name](block))
        if block.language in _BEFORE:
            what = f"a {block.language} block" if block.language else "a block without a language"
            self._find(block.line, f"{what} must say where it comes from: put {_BEFORE[block.language]} before it")
        return None

    def generated(self, part: Generated) -> list[str] | None:
        return self._guarded(part.line, lambda: self._summary(part))

    def _summary(self, part: Generated) -> list[str] | None:
        if part.directive.name == "ladder":
            lines, what = ladder(self.course.steps, self.folder), "the ladder of lessons"
        elif part.directive.name == "exercises":
            if self.step is None:
                raise CourseError("<!-- exercises --> belongs into the page of a step")
            lines, what = exercises.table(self.step), f"the table of {self.step.folder.name}'s exercises"
        else:
            before = self.course.before(self.step) if self.step else None
            if before is None:
                raise CourseError("<!-- changes --> belongs into the page of a step that has one before it")
            lines, what = changes.summary(before, self.step), f"the summary of what changes against {before.folder.name}"
        return self._exact(part.line, list(part.body), ["", *lines, ""], f"{what} is stale")

    def code(self, block: Block) -> list[str] | None:
        name, _, region = block.directive.argument.partition("#")
        source = self._path(name, self.folder)
        where = self.course.report.name(source)
        text = cut(source.read_text(encoding="utf-8"), region, where)
        shown = f"region '{region}' of {where}" if region else where
        return self._exact(block.line, list(block.body), text.splitlines(), f"this is not {shown} any more")

    def expected(self, block: Block) -> list[str] | None:
        name, _, attributes = block.directive.argument.partition(" ")
        path = self._path(name, self.folder / "expected")
        text = parse_options(attributes, window_only=True).window.show(path.read_text(encoding="utf-8"))
        return self._exact(block.line, list(block.body), text.splitlines(), f"this is not {self.course.report.name(path)} any more")

    def typed(self, block: Block) -> None:
        if not block.directive.argument:
            raise LineError(block.directive.line, "<!-- typed: --> needs the reason why it is typed by hand")

    def not_run(self, block: Block) -> None:
        if not block.directive.argument:
            raise LineError(block.directive.line, "<!-- not run: --> needs the reason why it is not run")
        parse_block(block.body, block.language)

    def run(self, block: Block) -> list[str] | None:
        options = parse_options(block.directive.argument)
        commands = parse_block(block.body, block.language)
        if len(commands) > 1 and options.window != Options().window:
            raise LineError(block.directive.line, "a part of the output can be shown of one command only; split the block")
        body, stale = [], []
        for command in commands:
            try:
                lines, differences = self._output(block, command, options)
            except NoData as error:
                self.course.report.remark(f"skipped {self._place(block.line)}, '{command.plain}': {error}")
                return None
            if block.language == "console":
                body += [*command.text, *lines]
                stale += differences
        if not stale:
            return None
        ran = " and ".join(f"'{command.plain}'" for command in commands)
        return self._stale(block.line, body, f"{ran} prints something else" if len(commands) == 1 else f"{ran} print something else",
                           stale)

    def _output(self, block: Block, command: Command, options: Options) -> tuple[list[str], list[str]]:
        """The lines to show below a command, and how they differ from those that stand there."""
        same = self.course.runner.canonical_program(command, options)
        if same and not same.expected.is_file():
            raise LineError(block.line, f"{self.course.report.name(same.expected)} is missing")
        # What a page shows of a canonical run is what expected/ holds: the program itself is compared with that.
        text = expected.read(same) if same else self.course.runner.run(command, options)
        if same and not text:
            return list(command.output), []  # which is a finding of its own
        text = options.window.show(text)
        program = self.course.runner.program_of(command)
        rules = Rules.of(program[0] if program else None)
        old = "".join(f"{line}\n" for line in command.output)
        differences = compare(old, text, rules, self.course.machine.canonical or same is not None)
        return text.splitlines(), [line for one in differences for line in one.detail()]

    def _exact(self, line: int, old: list[str], new: list[str], message: str) -> list[str] | None:
        if old == new:
            return None
        differences = compare("\n".join(old), "\n".join(new), Rules(), True)
        return self._stale(line, new, message, [text for one in differences for text in one.detail()])

    def _stale(self, line: int, new: list[str], message: str, detail: list[str]) -> list[str]:
        if self.course.check:
            self._find(line, message, detail, self.mend)
        return new

    def _path(self, name: str, folder: Path) -> Path:
        path = self.course.root / name[1:] if name.startswith("/") else folder / name
        if not name or not path.is_file():
            there = self.course.report.name(path.resolve())
            raise CourseError(f"there is no file {there}" if name else "the directive names no file")
        return path.resolve()

    def _guarded(self, line: int, make: Callable[[], list[str] | None]) -> list[str] | None:
        """Turns an error into a finding, so that the rest of the page is looked at too."""
        try:
            return make()
        except LineError as error:
            self._find(error.line, str(error))
        except NotBuilt as error:
            self.course.report.find(error.program.source, 0, str(error))
        except CourseError as error:
            self._find(line, str(error))
        return None

    def _find(self, line: int, message: str, detail: Sequence[str] = (), mend: str = "") -> None:
        self.course.report.find(self.page.path, line, message, detail, mend)

    def _place(self, line: int) -> str:
        return f"{self.course.report.name(self.page.path)}:{line}"


if __name__ == "__main__":
    run_as_program(main)
