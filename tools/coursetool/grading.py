"""Grading: builds what a learner wrote together with an exercise's check, runs it, and reads what GoogleTest found."""
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

from coursetool.errors import CommandFailed, CourseError
from coursetool.exercises import Exercise
from coursetool.shell import show

PASSED, FAILED, NOT_COMPILED, CRASHED, ENDLESS, NOT_BEGUN = "passed", "failed", "does not compile", "crashed", "does not end", "not begun"
SECONDS = 120.0  # that a check may take; COURSE_CHECK_SECONDS says another number


@dataclass(frozen=True)
class Failure:
    """One assertion that did not hold."""

    line: int        # of check.cpp, or of the learner's file
    file: str
    message: str     # as GoogleTest says it


@dataclass(frozen=True)
class Check:
    """One TEST, and where it failed."""

    name: str        # Suite.Test
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Grade:
    """What came of one exercise."""

    exercise: Exercise
    status: str
    checks: tuple[Check, ...] = ()
    detail: str = ""     # the compiler's words; or the check that was running
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.status == PASSED

    @property
    def failed_checks(self) -> list[Check]:
        return [check for check in self.checks if check.failures]

    @property
    def first_failed(self) -> str | None:
        """Suite.Test of the check that the learner should look at."""
        if self.status in (CRASHED, ENDLESS):
            return self.detail or None
        return self.failed_checks[0].name if self.failed_checks else None


def build(folder: Path, targets: list[str], root: Path) -> dict[str, str]:
    """Builds the targets of a CMake build folder; the compiler's words for each that could not be built."""
    command = ["cmake", "--build", str(folder), "--target", *targets, "--", "-k", "0"]
    show([*command[:4], *(targets if len(targets) <= 6 else [*targets[:5], f"... ({len(targets)} targets)"]), "--", "-k", "0"], root)
    lines = []
    try:
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if sys.stderr.isatty() and line.startswith("["):
                    print(f"\r\033[K{lines[-1][:100]}", end="", file=sys.stderr, flush=True)
    except FileNotFoundError:
        raise CourseError("'cmake' was not found; ./course doctor says what this machine lacks") from None
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if process.returncode == 0:
        return {}
    failed = _failures(lines, targets, root)
    if not failed:
        print("\n".join(lines), file=sys.stderr)
        raise CommandFailed("the build failed before it came to the exercise; the first line with 'error:' above says why", 1)
    return failed


def _failures(lines: list[str], targets: list[str], root: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for at, line in enumerate(lines):
        named = line.startswith("FAILED:") and re.search(r"(step\d\d_exercise\d\w*)(?:\.dir/|\s|$)", line)
        if not named or named[1] not in targets:
            continue
        block = []
        for other in lines[at + 2:]:
            if re.match(r"\[\d+/\d+\]|FAILED:|ninja: ", other):
                break
            block.append(other)
        found.setdefault(named[1], _first_error(block, root))
    return found


def _first_error(block: list[str], root: Path) -> str:
    """The compiler's first error with the lines that belong to it: what follows it is mostly its echo. If it is in a
    header of libtorch's, the learner's line that led there comes first."""
    errors = [i for i, line in enumerate(block) if re.search(r"\berror: |undefined (symbol|reference)", line)]
    if not errors:
        return "\n".join(block[:12])
    end = next((i for i in range(errors[0] + 1, len(block)) if re.search(r": (error|warning|note): ", block[i])), len(block))
    text = "\n".join(block[errors[0]:min(end, errors[0] + 8)])
    if not re.search(r"(^|/)(work|variants)/", block[errors[0]]):
        mine = next((line for line in block if re.search(r"(^|/)(work|variants)/[^:]*:\d+:\d+: ", line)), "")
        text = "\n".join(filter(None, (mine, text)))
    text = re.sub(r"(?<![\w/])(?:\.\./)+(?=\w)", "", text.replace(f"{root}/", ""))
    rest = len(errors) - 1
    return text + (f"\n(and {rest} more error{'s' * (rest > 1)})" if rest else "")


def judge(exercise: Exercise, folder: Path, target: str, failed: dict[str, str]) -> Grade:
    """What came of a target of that build folder, of which build() said what failed."""
    if target in failed:
        return Grade(exercise, NOT_COMPILED, detail=failed[target])
    return run(exercise, folder / "exercises" / target)


def run(exercise: Exercise, binary: Path) -> Grade:
    """Runs a check that was built."""
    limit = float(os.environ.get("COURSE_CHECK_SECONDS") or SECONDS)
    with tempfile.TemporaryDirectory(prefix="course-check-") as folder:
        told = Path(folder, "told.json")
        meant_for_us = {key: value for key, value in os.environ.items() if key != "COURSE_SEED" and not key.startswith("GTEST_")}
        environment = meant_for_us | {"OMP_NUM_THREADS": "1", "GTEST_COLOR": "no"}
        try:
            done = subprocess.run([binary.resolve(), f"--gtest_output=json:{told}"], cwd=folder, env=environment, timeout=limit, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        except subprocess.TimeoutExpired as expired:
            printed = (expired.stdout or b"").decode(errors="replace")
            return Grade(exercise, ENDLESS, detail=_running(printed), seconds=limit)
        if not told.is_file():
            return Grade(exercise, CRASHED, detail=_running(done.stdout))
        table = json.loads(told.read_text(encoding="utf-8"))
    checks = tuple(_check(suite["name"], one) for suite in table["testsuites"] for one in suite["testsuite"])
    if not checks:
        raise CourseError(f"the check of exercise {exercise.label} has no tests in it")
    failures = any(check.failures for check in checks)
    if done.returncode and not failures:
        return Grade(exercise, CRASHED, checks)
    return Grade(exercise, FAILED if failures else PASSED, checks, seconds=float(table["time"].rstrip("s")))


def _running(printed: str) -> str:
    """The check that had begun last."""
    begun = re.findall(r"^\[ RUN      \] (\S+)", printed, re.MULTILINE)
    return begun[-1] if begun else ""


def _check(suite: str, table: dict) -> Check:
    failures = []
    for one in table.get("failures", ()):
        place, _, message = one["failure"].partition("\n")
        file, _, line = place.rpartition(":")
        failures.append(Failure(int(line) if line.isdigit() else 0, Path(file).name, message if file else one["failure"]))
    return Check(f"{suite}.{table['name']}", tuple(failures))


@dataclass(frozen=True)
class Told:
    """An assertion's message, taken apart: what was looked at, what was expected, what was found, what the author added."""

    what: str
    expected: str = ""
    found: str = ""
    more: str = ""


def told(message: str) -> Told:
    """Reads GoogleTest's words; EXPECT_EQ is written (found, expected) in every check."""
    text = re.sub(r"-?\d+\.\d{9,}(?:e[-+]?\d+)?", lambda number: f"{float(number[0]):.6g}", message.strip("\n"))
    if match := re.match(r"Expected equality of these values:\n  (.*)\n(?:    Which is: (.*)\n)?  (.*)(?:\n    Which is: (.*))?(?:\n|$)", text):
        return Told(match[1] if match[2] else "", match[4] or match[3], match[2] or match[1], text[match.end():].strip())
    if match := re.match(r"Value of: (.*)\n  Actual: (.*)\nExpected: (.*)(?:\n|$)", text):
        return Told(match[1], match[3], match[2], text[match.end():].strip())
    if match := re.match(r"Value of: (.*)\nExpected: (.*)\n  Actual: ((?:.|\n(?!\n))*)", text):
        found = re.sub(r" \(of type [^)]*\)", "", match[3])
        found, _, more = found.partition("\n")
        return Told(match[1], match[2], found, more.strip())
    if match := re.match(r"The difference between (.*) and (.*) is (.*), which exceeds (.*), where\n.* evaluates to (.*),\n.* evaluates to (.*), and\n"
                         r".* evaluates to (.*)\.(?:\n|$)", text):
        return Told(match[1], f"{match[6]} (±{match[7]})", match[5], text[match.end():].strip())
    if match := re.match(r"Expected: \((.*)\) (==|!=|<|<=|>|>=) \((.*)\), actual: (.*) vs (.*)(?:\n|$)", text):
        return Told(match[1], f"{match[2]} {match[5]}", match[4], text[match.end():].strip())
    if match := re.match(r"Expected: (.*) (throws an exception of type .*|doesn't throw an exception|throws an exception)\.\n  Actual: (.*)(?:\n|$)", text):
        return Told(match[1], match[2], match[3].rstrip("."), text[match.end():].strip())
    if match := re.match(r"C\+\+ exception with description \"((?:.|\n)*)\" thrown in (.*)\.", text):
        return Told("", "no exception", match[1].split("\nException raised from")[0])
    return Told("", more=text.removeprefix("Failed\n").strip())


def junit(grades: list[Grade]) -> str:
    """The grades as JUnit XML: a suite for each exercise, a case for each check."""
    suites = xml.Element("testsuites", name="exercises", tests=str(sum(max(1, len(g.checks)) for g in grades)),
                         failures=str(sum(len(g.failed_checks) for g in grades)), errors=str(sum(g.status not in (PASSED, FAILED) for g in grades)))
    for grade in grades:
        cases = grade.checks or (Check(grade.first_failed or f"{grade.exercise.target}.Build"),)
        suite = xml.SubElement(suites, "testsuite", name=grade.exercise.key,
                               tests=str(len(cases)), failures=str(len(grade.failed_checks)), time=f"{grade.seconds:.3f}",
                               errors=str(int(grade.status not in (PASSED, FAILED))))
        for check in cases:
            case = xml.SubElement(suite, "testcase", classname=check.name.partition(".")[0], name=check.name.partition(".")[2])
            for failure in check.failures:
                node = xml.SubElement(case, "failure", message=_line(failure), type="assertion")
                node.text = f"{failure.file}:{failure.line}\n{failure.message}"
            if grade.status not in (PASSED, FAILED):
                xml.SubElement(case, "error", message=grade.status).text = grade.detail
    xml.indent(suites)
    return xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _line(failure: Failure) -> str:
    one = told(failure.message)
    return ": ".join(filter(None, (one.what, f"expected {one.expected}, found {one.found}" if one.expected else one.more.partition("\n")[0])))
