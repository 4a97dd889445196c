"""The teacher's verbs: the course without its solutions, and the grades of a whole class."""
import csv
import shutil
import subprocess
import sys
import tarfile
import unicodedata
from pathlib import Path

from coursetool import build as cmake
from coursetool import grading, packages
from coursetool.errors import CourseError, UsageError
from coursetool.exercises import Exercise, load_exercises
from coursetool.grading import CRASHED, ENDLESS, NOT_COMPILED, Grade
from coursetool.practice import take_flag
from coursetool.shell import paint
from coursetool.steps import load_steps
from coursetool.variants import Variants

STOPPED = {NOT_COMPILED: "compile", CRASHED: "crash", ENDLESS: "endless"}  # what a table says for a check that did not end


def handout(root: Path, words: list[str]) -> int:
    """Exports what git has, without the solutions, as a folder or an archive."""
    if len(words) != 1 or words[0].startswith("-"):
        raise UsageError("./course handout takes a folder or an archive to write, as in ./course handout course.tar.gz")
    target = Path(words[0])
    if target.exists():
        raise UsageError(f"{target} is there already; name another, or remove it")
    done = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise CourseError(f"./course handout needs a git checkout: {done.stderr.strip() or 'git failed'}")
    names = [name for name in done.stdout.split("\0") if name and (root / name).is_file() and "/exercises/solutions/" not in name]
    left_out = done.stdout.count("/exercises/solutions/")
    if target.name.endswith((".tar.gz", ".tgz")):
        draft = target.with_name(target.name + ".draft")
        with tarfile.open(draft, "w:gz") as archive:
            for name in names:
                archive.add(root / name, arcname=f"{target.name.partition('.')[0]}/{name}")
        draft.rename(target)
    else:
        for name in names:
            to = target / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, to)
    print(f"{target}: {len(names)} files; {left_out} files of solutions were left out")
    return 0


def report(root: Path, preset: str, words: list[str]) -> int:
    """Grades what every learner of a folder has written, each in a folder of their own, and sums it up."""
    table, words = take_flag(words, "--csv", value=True)
    results, words = take_flag(words, "--junit", value=True)
    if len(words) != 1 or words[0].startswith("-"):
        raise UsageError("./course report takes a folder that holds one for each learner, as in ./course report class --csv grades.csv")
    folder = Path(words[0])
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    learners = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    exercises = load_exercises(load_steps(root))
    found = {(learner.name, one): there for learner in learners for one in exercises if (there := handed_in(learner, one))}
    if not found:
        raise UsageError(f"nothing was handed in below {folder}: looked for LEARNER/work/stepNN/N_name/FILE "
                         "(and LEARNER/stepNN/N_name/FILE), with the names that work/ has")
    grades = _grade(root, preset, [learner.name for learner in learners], found)
    asked = [one for one in exercises if any(one is exercise for _, exercise in found)]
    print(overview([learner.name for learner in learners], asked, grades))
    if table is not None:
        with open(table, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["learner", *(one.label.replace(" ", "/") for one in asked), "passed"])
            for learner in learners:
                row = [grades.get((learner.name, one)) for one in asked]
                writer.writerow([learner.name, *(score(grade) for grade in row), sum(bool(grade and grade.passed) for grade in row)])
    if results is not None:
        Path(results).mkdir(parents=True, exist_ok=True)
        for learner in learners:
            own = [grade for (name, _), grade in grades.items() if name == learner.name]
            Path(results, f"{learner.name}.xml").write_text(grading.junit(own), encoding="utf-8")
    return 0


def handed_in(learner: Path, exercise: Exercise) -> Path | None:
    """Where a learner's files of an exercise are, or None if one is missing."""
    for there in (learner / "work", learner):
        own = there / f"step{exercise.step.label}" / exercise.folder.name
        if all((own / name).is_file() for name in exercise.files):
            return own
    return None


def _grade(root: Path, preset: str, names: list[str], found: dict[tuple[str, Exercise], Path]) -> dict[tuple[str, Exercise], Grade]:
    packages.install(("build",))
    variants = Variants(root, cmake.folder(root, preset))
    targets = {key: variants.lay_out(key[1], f"learner{names.index(key[0]) + 1}", {name: (there / name).read_bytes() for name in key[1].files})
               for key, there in found.items()}
    variants.ready(preset)
    failed = grading.build(variants.build, list(targets.values()), root)
    grades = {}
    for at, (key, target) in enumerate(targets.items(), start=1):
        if sys.stderr.isatty():
            print(f"\r\033[K{at}/{len(targets)} {key[0]}, exercise {key[1].label}", end="", file=sys.stderr, flush=True)
        grades[key] = grading.judge(key[1], variants.build, target, failed)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    variants.remove(targets.values())
    return grades


def score(grade: Grade | None) -> str:
    """A grade in a few letters: pass, 2/4 (of its checks), or what stopped it."""
    if grade is None:
        return ""
    if grade.passed:
        return "pass"
    if grade.status in STOPPED:
        return STOPPED[grade.status]
    return f"{len(grade.checks) - len(grade.failed_checks)}/{len(grade.checks)}"


def overview(names: list[str], asked: list[Exercise], grades: dict[tuple[str, Exercise], Grade]) -> str:
    """The table of a class: a line for each learner, a column for each exercise."""
    rows = [["learner", *(one.label.replace(" ", "/") for one in asked), "passed"]]
    for name in names:
        own = [grades.get((name, one)) for one in asked]
        rows.append([name, *(score(grade) or "-" for grade in own), f"{sum(bool(g and g.passed) for g in own)} of {len(asked)}"])
    rows.append(["passed", *(str(sum(bool((g := grades.get((name, one))) and g.passed) for name in names)) for one in asked), ""])
    widths = [max(_columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    colors = {"pass": "32"} | dict.fromkeys(STOPPED.values(), "31")
    lines = []
    for at, row in enumerate(rows):
        cells = [row[0] + " " * (widths[0] - _columns(row[0]))]
        cells += [" " * (width - _columns(cell)) + paint(cell, colors.get(cell, "")) if colors.get(cell) else cell.rjust(width)
                  for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
        if at in (0, len(rows) - 2):
            lines.append("─" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join(lines)


def _columns(text: str) -> int:
    """How wide a terminal draws it: names are of all the world's letters."""
    return sum(0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
