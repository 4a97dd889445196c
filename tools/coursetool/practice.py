"""The learner's verbs: check, hint, solution, reset, watch, next."""
import difflib
import re
import sys
import textwrap
import time
from pathlib import Path

from coursetool import build as cmake
from coursetool import grading, packages
from coursetool.errors import CourseError, UsageError
from coursetool.exercises import KINDS, Exercise, find_exercise, find_exercises, load_exercises, of_step
from coursetool.grading import CRASHED, ENDLESS, NOT_BEGUN, NOT_COMPILED, Grade
from coursetool.nearest import and_list
from coursetool.shell import paint
from coursetool.steps import Step, load_steps
from coursetool.workbench import Workbench

WIDTH = 100


def take_flag(words: list[str], flag: str, value: bool = False) -> tuple[str | None, list[str]]:
    """A flag's value ("" for one without), or None where it is not there; and the other words."""
    rest, found, words = [], None, iter(words)
    for word in words:
        if word == flag:
            found = next(words, None) if value else ""
            if found is None:
                raise UsageError(f"{flag} needs a file, as in {flag} grades.xml")
        elif value and word.startswith(f"{flag}="):
            found = word.partition("=")[2]
        else:
            rest.append(word)
    return found, rest


def check(root: Path, preset: str, words: list[str]) -> int:
    """Grades the exercises of a step, one of them, or all that were begun."""
    file, words = take_flag(words, "--junit", value=True)
    steps, bench = load_steps(root), Workbench.open(root)
    if words:
        exercises = find_exercises(steps, words, "check")
    else:
        exercises = [exercise for exercise in load_exercises(steps) if bench.begun(exercise)]
        if not exercises:
            raise UsageError("no exercise is begun yet; ./course next lays out the first, ./course check 02 1 any other")
    new = [exercise for exercise in exercises if bench.lay_out(exercise)]
    grades = [Grade(exercise, NOT_BEGUN) for exercise in new] + grade(root, preset, bench, [one for one in exercises if one not in new])
    grades.sort(key=lambda one: exercises.index(one.exercise))
    for one in grades:
        print(task(one.exercise, bench) + "\n" if one.exercise in new and len(exercises) == 1 else report(one, bench, root))
    if file is not None:
        Path(file).write_text(grading.junit(grades), encoding="utf-8")
    failed = [one.exercise for one in grades if not one.passed]
    if len(grades) > 1:
        print(f"{len(grades) - len(failed)} of {len(grades)} exercises pass")
    print(paint(f"→ {_afterwards(failed, grades, bench)}", "1"))
    return 1 if failed else 0


def grade(root: Path, preset: str, bench: Workbench, exercises: list[Exercise]) -> list[Grade]:
    """Builds and runs the checks of the learner's files, and keeps which of them passed."""
    if not exercises:
        return []
    packages.install(("build",))
    cmake.configure(root, preset)
    folder = cmake.folder(root, preset)
    failed = grading.build(folder, [exercise.target for exercise in exercises], root)
    grades = []
    for exercise in exercises:
        grades.append(grading.judge(exercise, folder, exercise.target, failed))
        bench.of(exercise).passed |= grades[-1].passed
        bench.last = exercise.key
    bench.save()
    return grades


def report(one: Grade, bench: Workbench, root: Path) -> str:
    """A grade as it is shown to the learner: what passed; of what did not, what was expected, what was found, and which hint helps."""
    exercise = one.exercise
    head = f"{paint(exercise.label, '1')}  {paint(exercise.title, '1')}"
    lines = [f"{head}  {paint('passed', '32') if one.passed else paint(one.status, '31')}"]
    for test in one.checks:
        ok = not test.failures
        lines.append(f"  {paint('✓', '32') if ok else paint('✗', '31')} {sentence(test.name)}")
        if test.failures and (test.name == one.first_failed or exercise.kind == "predict"):
            lines += [f"      {line}" for line in _failure(test.failures[0])]
    hidden = len(one.failed_checks) - 1
    if hidden > 0 and exercise.kind != "predict":
        lines.append(paint("  (details are shown for the first ✗ only)", "2"))
    if one.status == NOT_BEGUN:
        lines.append(f"  laid out in {_shown(bench.folder(exercise), root)}; ./course next {exercise.label} shows the task")
    elif one.status == NOT_COMPILED:
        lines += [f"  {line}" for line in one.detail.splitlines()]
    elif one.status == CRASHED:
        lines.append(f"  ✗ {sentence(one.detail) if one.detail else 'before the first check'}: the program came to a sudden end. An empty Module or "
                     "Tensor, or an index too far?")
    elif one.status == ENDLESS:
        lines.append(f"  ✗ {sentence(one.detail)}: no end after {one.seconds:g} s. A loop that never gets to its end?")
    numbers = helping_hints(one)
    if numbers:
        which = f"hint {numbers[0]} of {len(exercise.hints)} is about this" if len(numbers) == 1 else f"hints {and_list(list(map(str, numbers)))} are about these"
        lines.append(f"  {which}: {', '.join(f'./course hint {exercise.label} {number}' for number in numbers)}")
    return "\n".join(lines) + "\n"


def helping_hints(one: Grade) -> list[int]:
    """The number of the first hint that is written for what failed first; of predictions, for each that failed."""
    if one.passed or one.status in (NOT_COMPILED, NOT_BEGUN):
        return []
    failed = [check.name for check in one.failed_checks] if one.exercise.kind == "predict" and one.failed_checks else [one.first_failed]
    hints = list(enumerate(one.exercise.hints, start=1))
    return sorted({next((number for number, hint in hints if name in hint.helps), 1) for name in failed})


def _failure(failure: grading.Failure) -> list[str]:
    told = grading.told(failure.message)
    lines = textwrap.wrap(told.more, WIDTH - 10) if told.more and "\n" not in told.more else told.more.splitlines()
    if told.what and not told.more:  # else the author has said it in words
        lines.append(paint(told.what, "2"))
    if told.expected:
        lines += [f"expected  {told.expected}", f"found     {told.found}"]
    return lines


def sentence(name: str) -> str:
    """`Batches.TheLastOneIsShort` as words: the last one is short."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name.rpartition(".")[2])
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)


def _afterwards(failed: list[Exercise], grades: list[Grade], bench: Workbench) -> str:
    if failed:
        first = failed[0]
        return (f"{'change' if bench.begun(first) else 'write in'} {_shown(bench.folder(first) / first.files[0], bench.root)}, "
                f"then ./course check {first.label}")
    last = grades[-1].exercise
    return f"./course next   (and how else it can be done: ./course solution {last.label})"


def hint(root: Path, words: list[str]) -> int:
    """Shows the next hint of an exercise, or the one of that number."""
    steps, bench = load_steps(root), Workbench.open(root)
    number = words[2] if len(words) == 3 else None
    exercise = find_exercise(steps, words[:2], "hint")
    progress, many = bench.of(exercise), len(exercise.hints)
    unseen = [hint for hint in range(1, many + 1) if hint not in progress.hints]
    if number is not None:
        if not number.isdigit() or not 1 <= int(number) <= many:
            raise UsageError(f"exercise {exercise.label} has no hint '{number}'; it has 1 to {many}, and ./course hint {exercise.label} "
                             "shows the next that you have not seen")
        shown = int(number)
    else:
        further = [hint for hint in unseen if hint > max(progress.hints, default=0)]
        shown = (further or unseen or [many])[0]
        if not unseen:
            print(f"You have seen all {many} hints; this is the last one again.\n")
    if shown in unseen:
        progress.hints = sorted([*progress.hints, shown])
        bench.save()
    print(f"{paint(f'{exercise.label}  {exercise.title}', '1')}  hint {shown} of {many}\n")
    print(exercise.hints[shown - 1].text)
    after = f"./course hint {exercise.label}" if [one for one in unseen if one != shown] else f"./course solution {exercise.label} --give-up"
    print(paint(f"\n→ ./course check {exercise.label}" + ("" if progress.passed else f"   (still stuck: {after})"), "1"))
    return 0


def solution(root: Path, words: list[str]) -> int:
    """Shows the solution to those who have passed, or have given up."""
    give_up, words = take_flag(words, "--give-up")
    steps, bench = load_steps(root), Workbench.open(root)
    exercise = find_exercise(steps, words, "solution")
    if not exercise.solution.is_dir():
        raise CourseError(f"this course was handed out without its solutions; ask your teacher for that of exercise {exercise.label}")
    progress = bench.of(exercise)
    if not (progress.passed or progress.gave_up or give_up is not None):
        left = len(exercise.hints) - len(progress.hints)
        raise CourseError(f"exercise {exercise.label} has not passed yet" + (f", and {left} of its hints are unseen" if left else "")
                          + f"; ./course solution {exercise.label} --give-up shows the solution all the same")
    if not progress.passed:
        progress.gave_up = True
        bench.save()
    for name in exercise.files:
        mine, theirs = bench.folder(exercise) / name, exercise.solution / name
        print(paint(f"── {name} " + "─" * max(0, WIDTH - 4 - len(name)), "2"))
        print(theirs.read_text(encoding="utf-8"), end="")
        if mine.is_file():
            lines = list(difflib.unified_diff(mine.read_text(encoding="utf-8", errors="replace").splitlines(),
                                              theirs.read_text(encoding="utf-8").splitlines(), f"yours: {_shown(mine, root)}", "solution", lineterm="", n=1))
            if lines:
                print(paint("── how it differs from yours " + "─" * (WIDTH - 28), "2"))
                print("\n".join(lines))
    print(paint("\n→ ./course next", "1"))
    return 0


def reset(root: Path, words: list[str]) -> int:
    """Begins an exercise anew; what was written is kept beside."""
    steps, bench = load_steps(root), Workbench.open(root)
    exercise = find_exercise(steps, words, "reset")
    kept = bench.set_aside(exercise)
    bench.lay_out(exercise)
    bench.of(exercise).passed = False
    bench.save()
    print(f"exercise {exercise.label} stands at its beginning again" + (f"; your work is kept in {_shown(kept, root)}" if kept else ""))
    print(paint(f"→ ./course check {exercise.label}", "1"))
    return 0


def watch(root: Path, preset: str, words: list[str]) -> int:
    """Checks an exercise whenever one of its files is saved, until it passes."""
    steps, bench = load_steps(root), Workbench.open(root)
    if words:
        exercise = find_exercise(steps, words, "watch")
    else:
        exercise = upcoming(load_exercises(steps), bench)
        if exercise is None:
            print("every exercise passes: there is nothing left to watch")
            return 0
    bench.lay_out(exercise)
    files = [bench.folder(exercise) / name for name in exercise.files]
    while True:
        before = _stamps(files)
        if sys.stdout.isatty():
            print("\033[2J\033[H", end="")
        code = check(root, preset, exercise.label.split())
        if code == 0:
            return 0
        print(f"\nwatching {', '.join(_shown(file, root) for file in files)}; Ctrl-C ends it", flush=True)
        while _stamps(files) == before:
            time.sleep(0.3)


def _stamps(files: list[Path]) -> list[tuple[int, int] | None]:
    stamps = []
    for file in files:
        try:
            stat = file.stat()
            stamps.append((stat.st_mtime_ns, stat.st_size))
        except OSError:
            stamps.append(None)  # an editor is replacing it
    return stamps


def upcoming(exercises: list[Exercise], bench: Workbench) -> Exercise | None:
    """The next that has not passed and was not given up: behind the one that was graded last, or from the beginning."""
    last = next((at for at, one in enumerate(exercises) if one.key == bench.last), 0)
    return next((one for one in exercises[last:] + exercises[:last] if not bench.of(one).passed and not bench.of(one).gave_up), None)


def next_one(root: Path, words: list[str]) -> int:
    """Says what comes next, or what a step has next, or what an exercise is; and lays it out."""
    steps, bench = load_steps(root), Workbench.open(root)
    exercises = find_exercises(steps, words, "next") if words else load_exercises(steps)
    exercise = upcoming(exercises, bench) or (exercises[0] if words else None)
    if exercise is None:
        print(f"All {len(exercises)} exercises are done. docs/own_project.md leads on to a project of your own.")
        return 0
    step = exercise.step
    at = steps.index(step)
    if exercise.number == 1 and len(words) < 2:
        print(f"{paint(f'Step {step.label}: {step.title}', '1')}  ({step.minutes} minutes)\n")
        print(f"  read  {step.folder.name}/README.md\n  run   ./course run {step.label}")
        if at > 0:
            print(f"  diff  ./course diff {steps[at - 1].label} {step.label}")
        print()
    bench.lay_out(exercise)
    print(task(exercise, bench))
    return 0


def task(exercise: Exercise, bench: Workbench) -> str:
    """The task of an exercise as text, with the commands that go with it."""
    count = len(of_step(exercise.step))
    lines = [paint(f"Exercise {exercise.label}: {exercise.title}", "1") + f"  ({KINDS[exercise.kind]}, {exercise.minutes} minutes, "
             f"{exercise.number} of {count})", ""]
    text = re.sub(r"<!--.*?-->\n?", "", exercise.task.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines += text.partition("\n")[2].strip().splitlines()
    lines += ["", *(f"  your file   {_shown(bench.folder(exercise) / name, bench.root)}" for name in exercise.files),
              f"  check it    ./course check {exercise.label}     or, with every save: ./course watch {exercise.label}",
              f"  stuck?      ./course hint {exercise.label}"]
    return "\n".join(lines)


def progress_line(step: Step, exercises: list[Exercise], bench: Workbench) -> str:
    """The exercises of a step in a few signs: passed, begun, given up, not begun."""
    if not exercises:
        return ""
    marks = []
    for one in exercises:
        progress = bench.of(one)
        marks.append(paint("✓", "32") if progress.passed else "s" if progress.gave_up else "…" if bench.begun(one) else "·")
    return f"exercises {' '.join(marks)}  {sum(bench.of(one).passed for one in exercises)} of {len(exercises)}"


def _shown(path: Path, root: Path) -> str:
    """A path as it can be typed in the course's folder."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
