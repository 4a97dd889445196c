"""The proof of the exercises: every starter fails where it should, every solution passes, every wrong one is found out."""
import argparse
import hashlib
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from coursetool import build as cmake
from coursetool import grading
from coursetool.errors import CourseError, run_as_program
from coursetool.exercises import Exercise, load_exercises
from coursetool.grading import FAILED, NOT_COMPILED, PASSED, Grade
from coursetool.steps import find_step, load_steps
from coursetool.variants import Variants

ROOT = Path(__file__).resolve().parents[2]
RECORD = "tests/exercises/proven.json"


@dataclass(frozen=True)
class Case:
    """One variant, and what must come of it."""

    exercise: Exercise
    name: str                 # starter, solution, or that of a wrong one
    files: dict[str, bytes]
    fails_at: str | None      # None: it must pass

    @property
    def what(self) -> str:
        return f"{self.exercise.label} {self.exercise.title}: {self.name}"


def cases(exercise: Exercise) -> list[Case]:
    """All variants of an exercise."""
    right = {name: (exercise.solution / name).read_bytes() for name in exercise.files}
    starter = {name: (exercise.starter / name).read_bytes() for name in exercise.files}
    found = [Case(exercise, "starter", starter, exercise.fails_at), Case(exercise, "solution", right, None)]
    for wrong in exercise.wrong:
        files = dict(right)
        for edit in wrong.edits:
            files[edit.file] = files[edit.file].replace(edit.old.encode(), edit.new.encode())
        found.append(Case(exercise, wrong.name, files, wrong.fails_at))
    return found


def verdict(case: Case, grade: Grade) -> str:
    """What is wrong with what came of a case; "" when it is as it must be."""
    if grade.status == NOT_COMPILED:
        return f"does not compile:\n{grade.detail}"
    if case.fails_at is None:
        if grade.status == PASSED:
            return ""
        failed = grade.failed_checks
        return f"{grade.status} at {grade.first_failed}" + (f":\n{failed[0].failures[0].message}" if failed else "")
    if grade.status != FAILED:
        return f"must fail at {case.fails_at}, but it {grade.status}" + (f" at {grade.detail}" if grade.detail else "")
    name, _, text = case.fails_at.partition(": ")
    first = grade.failed_checks[0]
    message = first.failures[0].message
    if first.name != name or text not in message:
        return f"must fail at {case.fails_at}, but the first to fail is {first.name}:\n{message}"
    return ""


def prove(exercises: list[Exercise], build: Path, only_solutions: bool = False) -> list[str]:
    """Builds and runs the variants; what is not as it must be."""
    variants = Variants(ROOT, build)
    todo = [case for one in exercises for case in cases(one) if not only_solutions or case.name == "solution"]
    targets = [variants.lay_out(case.exercise, case.name, case.files) for case in todo]
    variants.ready()
    failed = grading.build(build, targets, ROOT)

    def judge(pair: tuple[Case, str]) -> str:
        case, target = pair
        wrong = verdict(case, grading.judge(case.exercise, build, target, failed))
        return f"{case.what} {wrong}" if wrong else ""

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [problem for problem in pool.map(judge, zip(todo, targets)) if problem]
    for one in exercises:
        text = one.task.read_text(encoding="utf-8")
        problems += [f"{one.label} {one.title}: TASK.md does not name {name}" for name in one.files if name not in text]
        checks = set(re.findall(r"^TEST(?:_F)?\((\w+), (\w+)\)", (one.folder / "check.cpp").read_text(encoding="utf-8"), re.MULTILINE))
        names = {f"{suite}.{test}" for suite, test in checks}
        helps = {name for hint in one.hints for name in hint.helps}
        problems += [f"{one.label} {one.title}: a hint helps {name}, which check.cpp does not have" for name in sorted(helps - names)]
        problems += [f"{one.label} {one.title}: no hint helps {name}" for name in sorted(names - helps)]
    return problems


def fingerprint(exercise: Exercise) -> str:
    """A hash of all that a proof is about: the exercise, its solutions, and the course's files that they include."""
    todo = [path for folder in (exercise.folder, exercise.solution) for path in sorted(folder.rglob("*")) if path.is_file()]
    places = (exercise.folder, exercise.solution, exercise.step.folder, ROOT / "common")
    seen: set[Path] = set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        if file.suffix not in (".h", ".cpp"):
            continue
        for name in re.findall(r'^#include "([^"]+)"', file.read_text(encoding="utf-8"), re.MULTILINE):
            for folder in (file.parent, *places):
                found = (folder / name).resolve()
                if found.is_file():
                    todo += [path for path in (found, found.with_suffix(".cpp")) if path.is_file()]
                    break
    sum = hashlib.sha256()
    for file in sorted(seen, key=lambda path: path.relative_to(ROOT).as_posix()):
        content = file.read_bytes()
        sum.update(f"{file.relative_to(ROOT).as_posix()} {len(content)}\n".encode() + content)
    return sum.hexdigest()[:32]


def proven() -> dict[str, str]:
    """The fingerprints of the last proof."""
    try:
        return json.loads((ROOT / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CourseError(f"{RECORD} cannot be read ({error}); ./course prove exercises writes it anew") from None


def whole(root: Path, preset: str) -> int:
    """./course prove exercises: all of them; the solutions under the sanitizers as well; kept if all is well."""
    start = time.monotonic()
    exercises = load_exercises(load_steps(root))
    variants = sum(len(cases(one)) for one in exercises)
    problems = []
    for name in (preset, "asan"):
        cmake.configure(root, name)
        problems += [f"[{name}] {problem}" for problem in prove(exercises, cmake.folder(root, name), only_solutions=name == "asan")]
    if not problems:
        record({one: fingerprint(one) for one in exercises})
    say(problems, f"{len(exercises)} exercises, {variants} variants, and {len(exercises)} solutions under the sanitizers, "
                  f"in {time.monotonic() - start:.0f} s")
    return 1 if problems else 0


def record(fingerprints: dict[Exercise, str]) -> None:
    kept = {one.key: value for one, value in fingerprints.items()}
    (ROOT / RECORD).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def say(problems: list[str], all_is_well: str) -> None:
    for problem in problems:
        print(f"FAILED  {problem}\n")
    print(f"exercises: {len(problems)} problem{'s' * (len(problems) != 1)}" if problems else f"exercises: proven: {all_is_well}", flush=True)


def main(words: list[str]) -> int:
    """For authors and tests: `python3 -m coursetool.exercise_proof [--changed] [--build-dir DIR] [STEP...]`, without sanitizers."""
    parser = argparse.ArgumentParser(prog="python3 -m coursetool.exercise_proof")
    parser.add_argument("--changed", action="store_true", help="only what changed since the last ./course prove exercises")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("steps", nargs="*")
    asked = parser.parse_args(words)
    steps = load_steps(ROOT)
    chosen = [find_step(steps, name) for name in asked.steps] or steps
    exercises = [one for one in load_exercises(chosen) if one.solution.is_dir()]
    if asked.changed:
        known = proven()
        exercises = [one for one in exercises if known.get(one.key) != fingerprint(one)]
    problems = prove(exercises, asked.build_dir) if exercises else []
    say(problems, ", ".join(one.label for one in exercises) or "nothing changed since the last proof")
    return 1 if problems else 0


if __name__ == "__main__":
    run_as_program(main)
