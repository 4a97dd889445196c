"""The exercises: what every stepNN_name/exercises/N_name/exercise.toml says, checked, and where its files are."""
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coursetool.errors import CourseError, UsageError
from coursetool.manifest import Reader, read_manifest
from coursetool.nearest import and_list
from coursetool.steps import Step, find_step

FOLDER = re.compile(r"(\d)_([a-z0-9_]+)")
# How an exercise is named to the learner, by its kind.
KINDS = {"fill": "fill in", "next": "the next step", "predict": "predict", "bug": "find the bug", "test": "write the test",
         "write": "write"}
FEWEST_HINTS, FEWEST_WRONG = 3, 2


@dataclass(frozen=True)
class Hint:
    """One hint, and the checks that it is named for when they fail."""

    text: str
    helps: tuple[str, ...]


@dataclass(frozen=True)
class Edit:
    """Text that stands once in a file of the solution, and what stands there instead."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Wrong:
    """A solution that a person would write, and the check that rejects it."""

    name: str
    why: str
    fails_at: str             # Suite.Test, the first that fails; or Suite.Test: a part of what it says
    undoes: int | None        # the part of the solution that is taken back
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Exercise:
    """One exercise."""

    step: Step
    number: int
    name: str
    folder: Path              # step02_dataloader/exercises/1_count
    title: str
    kind: str
    minutes: int
    files: tuple[str, ...]    # what the learner writes in
    fails_at: str             # of the starter, as for Wrong
    parts: int                # of the solution, each undone by a Wrong
    hints: tuple[Hint, ...]

    @property
    def label(self) -> str:
        """`02 1`: what a user types."""
        return f"{self.step.label} {self.number}"

    @property
    def key(self) -> str:
        """`step02_dataloader/1_count_batches`: in records."""
        return f"{self.step.folder.name}/{self.folder.name}"

    @property
    def target(self) -> str:
        """`step02_exercise1`: of CMake, and the binary's name."""
        return f"step{self.step.label}_exercise{self.number}"

    @property
    def task(self) -> Path:
        return self.folder / "TASK.md"

    @property
    def starter(self) -> Path:
        return self.folder / "starter"

    @property
    def solution(self) -> Path:
        return self.folder.parent / "solutions" / self.folder.name

    @cached_property
    def wrong(self) -> tuple[Wrong, ...]:
        """The wrong solutions, which lie with the right one; none in a course that was handed out without."""
        if not self.solution.is_dir():
            return ()
        file = self.solution / "wrong.toml"
        where = f"{self.step.folder.name}/exercises/solutions/{self.folder.name}/wrong.toml"
        reader = read_manifest(file, where, f"a solution has {FEWEST_WRONG} wrong ones or more beside it")
        wrong = tuple(self._wrong(one) for one in reader.tables("wrong", "wrong", required=True))
        reader.done()
        undone = {one.undoes for one in wrong}
        missing = [str(part) for part in range(1, self.parts + 1) if self.parts > 1 and part not in undone]
        if missing:
            reader.fail(f"no [[wrong]] undoes part {and_list(missing)} of {self.parts}")
        if len(wrong) < FEWEST_WRONG:
            reader.fail(f"there is {len(wrong)} wrong solution; an exercise needs {FEWEST_WRONG}")
        if len({one.name for one in wrong}) < len(wrong):
            reader.fail("two wrong solutions have the same name")
        return wrong

    def _wrong(self, reader: Reader) -> Wrong:
        wrong = Wrong(
            name=reader.text("name", "a name"), why=reader.text("why", "one sentence"),
            fails_at=reader.text("fails_at", "the check that rejects it, Suite.Test"),
            undoes=reader.positive("undoes", "the number of a part", default=0) or None,
            edits=tuple(self._edit(one) for one in reader.tables("edits", "wrong.edits", required=True)))
        reader.done()
        if not re.fullmatch(r"[a-z][a-z0-9_]*", wrong.name) or wrong.name in ("starter", "solution"):
            reader.fail(f"'name' must be of lower-case letters, digits and _, and not starter or solution, but it is '{wrong.name}'")
        if wrong.undoes and wrong.undoes > self.parts:
            reader.fail(f"it undoes part {wrong.undoes}, but exercise.toml has parts = {self.parts}")
        return wrong

    def _edit(self, reader: Reader) -> Edit:
        edit = Edit(reader.take("file", str, "one of the exercise's files", required=len(self.files) > 1) or self.files[0],
                    reader.text("old", "text of the solution"), reader.take("new", str, "what stands there instead"))
        reader.done()
        if edit.file not in self.files:
            reader.fail(f"'{edit.file}' is not among the exercise's files: {', '.join(self.files)}")
        found = (self.solution / edit.file).read_text(encoding="utf-8").count(edit.old)
        if found != 1:
            reader.fail(f"'old' must stand once in {edit.file} of the solution, but it is there {found} times: {edit.old!r}")
        return edit


def load_exercises(steps: list[Step]) -> list[Exercise]:
    """All exercises, in order. Raises CourseError for the first that is not as it should be."""
    return [exercise for step in steps for exercise in of_step(step)]


def of_step(step: Step) -> list[Exercise]:
    """The exercises of one lesson."""
    folders = sorted(path for path in (step.folder / "exercises").glob("*") if path.is_dir() and path.name != "solutions")
    exercises = [load_exercise(step, folder) for folder in folders]
    for number, exercise in enumerate(exercises, start=1):
        if exercise.number != number:
            raise CourseError(f"{step.folder.name}/exercises: the exercises must be numbered 1, 2, ..., but {exercise.folder.name} "
                              f"stands where {number} should be")
    return exercises


def load_exercise(step: Step, folder: Path) -> Exercise:
    """One exercise, from its folder's exercise.toml."""
    where = f"{step.folder.name}/exercises/{folder.name}"
    named = FOLDER.fullmatch(folder.name)
    if not named:
        raise CourseError(f"{where}: an exercise's folder is named N_words_in_lower_case, as in 1_count_batches")
    reader = read_manifest(folder / "exercise.toml", f"{where}/exercise.toml", "every exercise has one with its title, kind and hints")
    exercise = Exercise(
        step=step, number=int(named[1]), name=named[2], folder=folder,
        title=reader.text("title", "a line of text"), kind=reader.text("kind", f"one of {', '.join(KINDS)}"),
        minutes=reader.positive("minutes", "a whole number of minutes above 0"),
        files=reader.texts("files", "a list of files, those that the learner writes in"),
        fails_at=reader.text("fails_at", "the check that the starter fails at, Suite.Test"),
        parts=reader.positive("parts", "how many parts the solution has", default=1),
        hints=tuple(_hint(one) for one in reader.tables("hints", "hints", required=True)))
    reader.texts("links", "a list of CMake's targets", required=False)  # read by cmake/CourseTargets.cmake
    reader.done()
    if exercise.kind not in KINDS:
        reader.fail(f"'kind' must be one of {', '.join(KINDS)}, but it is '{exercise.kind}'")
    if len(exercise.hints) < FEWEST_HINTS:
        reader.fail(f"there are {len(exercise.hints)} hints; an exercise has {FEWEST_HINTS} or more, from a question to nearly the answer")
    for path in (exercise.task, folder / "check.cpp", *(exercise.starter / file for file in exercise.files)):
        if not path.is_file():
            reader.fail(f"{path.relative_to(folder)} is missing")
    return exercise


def _hint(reader: Reader) -> Hint:
    hint = Hint(reader.text("text", "the hint").strip(), reader.texts("helps", "a list of checks, Suite.Test", required=False))
    reader.done()
    return hint


def table(step: Step) -> list[str]:
    """The lines about a step's exercises for its page."""
    own = of_step(step)
    if not own:
        raise CourseError(f"{step.folder.name} has no exercises")
    return [
        f"Graded ones: `./course check {step.label} 1` lays the first out in `work/`, which is yours, and says afterwards what was expected and",
        f"what was found; `./course hint {step.label} 1` helps.",
        "",
        "| | exercise | kind | minutes |",
        "| ---: | --- | --- | ---: |",
        *(f"| {one.number} | [{one.title}](exercises/{one.folder.name}/TASK.md) | {KINDS[one.kind]} | {one.minutes} |" for one in own)]


def find_exercises(steps: list[Step], words: list[str], verb: str) -> list[Exercise]:
    """Those that a user means by `04` (all of that step) or `04 2`."""
    if not 1 <= len(words) <= 2:
        raise UsageError(f"./course {verb} takes a step, and the number of an exercise, as in ./course {verb} 04 1")
    step = find_step(steps, words[0])
    exercises = of_step(step)
    if not exercises:
        raise UsageError(f"{step.folder.name} has no exercises")
    if len(words) == 1:
        return exercises
    for exercise in exercises:
        if words[1] in (str(exercise.number), exercise.name, exercise.folder.name):
            return [exercise]
    there = "; ".join(f"{exercise.number} {exercise.title}" for exercise in exercises)
    raise UsageError(f"{step.folder.name} has no exercise '{words[1]}'; it has {there}")


def find_exercise(steps: list[Step], words: list[str], verb: str) -> Exercise:
    """The one that a user means by `04 2`."""
    found = find_exercises(steps, words, verb)
    if len(words) < 2 and len(found) > 1:
        there = "; ".join(f"{exercise.number} {exercise.title}" for exercise in found)
        raise UsageError(f"which exercise of {found[0].step.folder.name}? ./course {verb} {found[0].step.label} N, where N is one of {there}")
    return found[0]
