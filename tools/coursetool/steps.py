"""The lessons: what every stepNN_name/step.toml says, checked, and the names a user may call them by."""
import re
from dataclasses import dataclass
from pathlib import Path

from coursetool.errors import CourseError, UsageError
from coursetool.manifest import Reader, read_manifest
from coursetool.nearest import did_you_mean, either

FOLDER = re.compile(r"step(\d\d)_([a-z0-9_]+)")


@dataclass(frozen=True)
class Tolerance:
    """The groups of `pattern` are numbers that may differ from those expected by so much."""

    pattern: str
    relative: float = 0.0
    absolute: float = 0.0


@dataclass(frozen=True)
class Mask:
    """The groups of `pattern` are never compared."""

    pattern: str


@dataclass(frozen=True)
class CanonicalOnly:
    """Lines from one that matches `first` to one that matches `last` (None: to the end): compared on the canonical machine alone."""

    first: str
    last: str | None = None


@dataclass(frozen=True)
class Program:
    """One program of a step."""

    name: str                    # main
    summary: str
    args: tuple[str, ...]        # of the canonical run
    tolerance: tuple[Tolerance, ...]
    mask: tuple[Mask, ...]
    canonical_only: tuple[CanonicalOnly, ...]
    target: str                  # step05_main: of CMake, and the binary's name
    source: Path                 # step05_evaluation/main.cpp
    expected: Path               # step05_evaluation/expected/main.txt


@dataclass(frozen=True)
class Step:
    """One lesson."""

    number: int
    name: str                    # evaluation
    folder: Path                 # .../step05_evaluation
    title: str
    minutes: int
    idea: str
    new: tuple[str, ...]
    terms: tuple[str, ...]
    diff_budget: int | None      # lines of code added against the step before; None for the first
    programs: tuple[Program, ...]
    file_budget: int = 10        # files that it may change; a step that rearranges them says how many it needs

    @property
    def label(self) -> str:
        """`05`: what a user types."""
        return f"{self.number:02}"

    def program(self, name: str) -> Program:
        """The program of that name; UsageError names those there are."""
        for program in self.programs:
            if program.name == name:
                return program
        names = [program.name for program in self.programs]
        raise UsageError(f"{self.folder.name} has no program '{name}'{did_you_mean(name, names)}; "
                         f"it has {', '.join(names)}")


def load_steps(root: Path) -> list[Step]:
    """All lessons below `root`, in order. Raises CourseError for the first that is not as it should be."""
    steps = [load_step(folder) for folder in sorted(root.glob("step[0-9][0-9]_*")) if folder.is_dir()]
    for before, after in zip(steps, steps[1:]):
        if before.number == after.number:
            raise CourseError(f"{before.folder.name} and {after.folder.name} have the same number; rename one of them")
    return steps


def load_step(folder: Path) -> Step:
    """One lesson, from its folder's step.toml."""
    named = FOLDER.fullmatch(folder.name)
    if not named:
        raise CourseError(f"{folder.name}: a step's folder is named stepNN_words_in_lower_case, as in step04_train_loop")
    number = int(named[1])
    reader = read_manifest(folder / "step.toml", f"{folder.name}/step.toml", "every step has one with its title, minutes and programs")
    return _step(reader, number, named[2], folder)


def find_step(steps: list[Step], text: str) -> Step:
    """The step a user means by `05`, `5`, `step05`, `step05_evaluation` or `evaluation`."""
    wanted = text.rstrip("/").lower()
    digits = re.fullmatch(r"(?:step)?(\d{1,2})", wanted)
    for step in steps:
        if wanted in (step.folder.name, step.name) or (digits and int(digits[1]) == step.number):
            return step
    if not steps:
        raise UsageError(f"there is no step '{text}': this folder has no stepNN_name folders")
    close = nearest_steps(steps, wanted)
    if close:
        raise UsageError(f"there is no step '{text}'; the nearest: {either(close)} (all of them: ./course list)")
    raise UsageError(f"there is no step '{text}'; there are {steps[0].label} to {steps[-1].label} "
                     "(their names: ./course list)")


def find_program(steps: list[Step], text: str) -> tuple[Step, Program, bool]:
    """`05`, `00/f_theta`: the step, its program, and whether the program was named (else it is the first)."""
    step_text, slash, program_text = text.rstrip("/").partition("/")
    step = find_step(steps, step_text)
    if slash:
        return step, step.program(program_text), True
    return step, step.programs[0], False


def nearest_steps(steps: list[Step], wanted: str) -> list[str]:
    """Up to three folder names that `wanted` may have been meant for."""
    digits = re.search(r"\d+", wanted)
    if digits:
        by_distance = sorted(steps, key=lambda step: abs(step.number - int(digits[0])))
        return sorted(step.folder.name for step in by_distance[:2])
    words = {step.name: step.folder.name for step in steps}
    found = [folder for name, folder in words.items() if len(wanted) >= 3 and wanted in name]
    for name, folder in words.items():
        if folder not in found and did_you_mean(wanted, [name, *name.split("_")]):
            found.append(folder)
    return found[:3]


def _step(reader: Reader, number: int, name: str, folder: Path) -> Step:
    has_budget = number > 0
    step = Step(
        number=number, name=name, folder=folder,
        title=reader.text("title", "a line of text"),
        minutes=reader.positive("minutes", "a whole number of minutes above 0"),
        idea=reader.text("idea", "one sentence"),
        new=reader.texts("new", "a list of texts"),
        terms=reader.texts("terms", "a list of texts"),
        diff_budget=reader.positive("diff_budget", "a whole number of lines above 0") if has_budget else None,
        file_budget=reader.positive("file_budget", "a whole number of files above 0", default=Step.file_budget),
        programs=tuple(_program(one, number, folder) for one in reader.tables("programs", "programs", required=True)))
    reader.done()
    names = [program.name for program in step.programs]
    for program in names:
        if names.count(program) > 1:
            reader.fail(f"two programs are named '{program}'")
    return step


def _program(reader: Reader, number: int, folder: Path) -> Program:
    name = reader.text("name", "the program's name")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        reader.fail(f"'name' must be of lower-case letters, digits and _, but it is '{name}'")
    program = Program(
        name=name,
        summary=reader.text("summary", "a line of text"),
        args=reader.texts("args", "a list of texts"),
        tolerance=tuple(_tolerance(one) for one in reader.tables("tolerance", "programs.tolerance")),
        mask=tuple(_mask(one) for one in reader.tables("mask", "programs.mask")),
        canonical_only=tuple(_canonical_only(one) for one in reader.tables("canonical_only", "programs.canonical_only")),
        target=f"step{number:02}_{name}",
        source=folder / f"{name}.cpp",
        expected=folder / "expected" / f"{name}.txt")
    reader.done()
    return program


def _tolerance(reader: Reader) -> Tolerance:
    tolerance = Tolerance(reader.regex("pattern", groups=True), reader.amount("relative"), reader.amount("absolute"))
    reader.done()
    if not tolerance.relative and not tolerance.absolute:
        reader.fail("'relative' or 'absolute' is missing: by how much may the numbers differ?")
    return tolerance


def _mask(reader: Reader) -> Mask:
    mask = Mask(reader.regex("pattern", groups=True))
    reader.done()
    return mask


def _canonical_only(reader: Reader) -> CanonicalOnly:
    lines = CanonicalOnly(reader.regex("from", groups=False), reader.regex("to", groups=False, required=False))
    reader.done()
    return lines
