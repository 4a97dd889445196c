"""What a GPU is needed for: ./course bench cuda, and ./course prove cuda, which builds, tests, runs and measures in one go."""
import json
import os
import re
import shlex
import signal
import statistics
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from coursetool import build, packages
from coursetool.errors import CourseError
from coursetool.shell import show

# Models with the samples in a batch: at 64 a step is launches alone, at 1,024 and with "wide" (25 million parameters) it is work.
CASES = (("linear", 64), ("mlp", 64), ("mlp", 1024), ("cnn", 64), ("cnn", 1024), ("wide", 64))
FEW = (("mlp", 64), ("cnn", 1024), ("wide", 64))
OURS = ("--optimizer", "lit")
PYTHON, LIGHTNING = "Python's loop", "Python's Lightning"
# What is compared: a name, and the flags of bench_runs, or of its twin in Python.
VARIANTS = {
    PYTHON: ("python",),
    "Python's loop, fused Adam": ("python", "--fused"),
    LIGHTNING: ("python", "--loop", "lightning"),
    "C++ loop, lit::Adam": ("--loop", "bare", *OURS),
    "C++ loop, lit::Adam by foreach": ("--loop", "bare", *OURS, "--fused", "no"),
    "C++ loop, lit::Adam fused": ("--loop", "bare", *OURS, "--fused", "yes"),
    "lit::Trainer": ("--loop", "trainer", *OURS),
    "lit::Trainer, batches copied": ("--loop", "trainer", *OURS, "copied"),
}
# Seconds that each part of the proof may take: eight minutes together.
LIMITS = {"build": 240, "tests": 90, "program": 20, "benchmark": 85}


@dataclass
class Place:
    """Where all of it happens: on a GPU, or on the CPU in its place."""

    root: Path
    preset: str
    stand_in: bool = False
    python: list[str] = field(default_factory=lambda: ["python3"])

    @property
    def device(self) -> str:
        return "cpu" if self.stand_in else "cuda"

    @property
    def ran(self) -> str:
        return "run on the CPU, in place of CUDA" if self.stand_in else "run on CUDA"

    @property
    def environment(self) -> dict[str, str]:
        more = {"COURSE_STAND_IN": "cpu", "CUDA_VISIBLE_DEVICES": ""} if self.stand_in else {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
        return {key: value for key, value in os.environ.items() if not key.startswith("GTEST_")} | more

    def program(self, name: str) -> Path:
        return build.folder(self.root, self.preset) / "bin" / name


class Late(Exception):
    """A part has taken longer than it may."""


def call(place: Place, command: list, limit: float, **more: str) -> tuple[int, str]:
    """Shows and runs a command, which is ended with all that it has started when its time is over: its exit code, and what it printed."""
    show(command, None, more)
    running = subprocess.Popen([str(word) for word in command], cwd=place.root, env=place.environment | more, text=True, errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        said, _ = running.communicate(timeout=max(limit, 1))
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        raise Late from None
    return running.returncode, said


# --- The benchmark ----------------------------------------------------------------------------


def data() -> Path:
    """The whole of Fashion-MNIST, or the sample that ships with the course."""
    for folder in filter(None, (os.environ.get("COURSE_DATA"), "/usr/share/datasets/fashion-mnist")):
        if list(Path(folder).glob("train-images-idx3-ubyte*")):
            return Path(folder)
    return Path(__file__).resolve().parents[2] / "common/data/sample"


def missing(place: Place) -> dict[str, str]:
    """The variants that cannot be run here, and why."""
    why = {}
    for module, names in (("torch", [name for name, flags in VARIANTS.items() if flags[0] == "python"]), ("lightning.pytorch", [LIGHTNING])):
        if subprocess.run([*place.python, "-c", f"import {module}"], capture_output=True, check=False).returncode != 0:
            why |= {name: f"{shlex.join(place.python)} has no {module}" for name in names if name not in why}
    if "Python's loop, fused Adam" not in why:
        code = f"import torch; torch.optim.Adam([torch.ones(1, device='{place.device}', requires_grad=True)], fused=True)"
        if subprocess.run([*place.python, "-c", code], capture_output=True, check=False).returncode != 0:
            why["Python's loop, fused Adam"] = f"the torch of {shlex.join(place.python)} has none for {place.device}"
    return why


def once(place: Place, case: tuple[str, int], name: str, epochs: int, folder: str, limit: float) -> dict:
    """One run in a process of its own."""
    model, batch = case
    flags = list(VARIANTS[name])
    keep = ["--keep"] if "copied" not in flags else []
    flags = [flag for flag in flags if flag not in ("copied", "python")]
    head = [*place.python, place.root / "benchmarks/python/runs.py", "--data", data()] if VARIANTS[name][0] == "python" else \
        [place.program("bench_runs"), "--folder", folder]
    command = [*head, "--model", model, "--batch", str(batch), "--device", place.device, "--epochs", str(epochs), *keep, *flags]
    code, said = call(place, command, limit, COURSE_DATA=str(data()))
    if code:
        raise CourseError(f"{name} failed: {said.strip().splitlines()[-1] if said.strip() else code}")
    return json.loads(said.strip().splitlines()[-1])


def per_step(run: dict) -> float:
    """Microseconds of one step, behind the epochs in which a device warms up."""
    later = run["seconds"][len(run["seconds"]) // 2:]
    return 1e6 * statistics.median(later) / run["steps"]


def benchmark(place: Place, cases: tuple, rounds: int, epochs: int, limit: float) -> tuple[dict, dict[str, str]]:
    """Microseconds a step of each case and variant, in turn, as lists of rounds; and why a variant is not among them."""
    why = missing(place)
    end = time.monotonic() + limit
    found: dict[str, dict[str, list[float]]] = {f"{model}, batch {batch}": {} for model, batch in cases}
    losses: dict[str, dict[str, list[float]]] = {case: {} for case in found}
    with tempfile.TemporaryDirectory(prefix="course-bench-") as folder:
        for _ in range(rounds):
            for case, key in zip(cases, found):
                for name in VARIANTS:
                    if name in why:
                        continue
                    try:
                        run = once(place, case, name, epochs, folder, end - time.monotonic())
                    except Late:
                        why[name] = f"not done after {limit:.0f} s"
                        continue
                    except CourseError as error:
                        why[name] = str(error)
                        continue
                    found[key].setdefault(name, []).append(per_step(run))
                    losses[key][name] = run["losses"]
    for key, all_losses in losses.items():
        first = next(iter(all_losses.values()), [])
        for name, values in all_losses.items():
            if abs(values[0] - first[0]) > 1e-2 * abs(first[0]):
                raise CourseError(f"not the same work: {key}, {name} has losses {values}, others {first}")
    return found, why


def rows(found: dict) -> list[list[str]]:
    """Microseconds a step, and what they are of Python's loop, round by round."""
    table = [["us per step (of Python's loop)", *found]]
    for name in VARIANTS:
        cells = []
        for times in found.values():
            mine, theirs = times.get(name), times.get(PYTHON)
            ratio = f" ({statistics.median(a / b for a, b in zip(mine, theirs)):.2f})" if mine and theirs else ""
            cells.append(f"{statistics.median(mine):,.0f}{ratio}" if mine else "-")
        if any(cell != "-" for cell in cells):
            table.append([name, *cells])
    return table


def text_of(table: list[list[str]], right: bool = True) -> str:
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = ["  ".join(cell.rjust(width) if right and i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
             for row in table]
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])


def has_gpu() -> bool:
    """Is there one of NVIDIA's that programs may use?"""
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()  # the second is that of WSL


def place_for(root: Path, preset: str, stand_in: str | None, python: str | None, proof: str) -> Place:
    """The place that was asked for. @throws CourseError where there is no GPU and nothing stands in for it"""
    if stand_in not in (None, "cpu"):
        raise CourseError(f"only cpu can stand in for a GPU, not '{stand_in}': ./course {proof} --stand-in cpu")
    words = shlex.split(python or os.environ.get("COURSE_PYTHON") or os.environ.get("COURSE_TORCH_FROM_PYTHON") or "python3")
    place = Place(root, preset if stand_in or preset != "release" else "cuda", stand_in == "cpu", words)
    if not place.stand_in and not has_gpu():
        raise CourseError(f"./course {proof} needs an NVIDIA GPU, and there is none on this machine; --stand-in cpu runs all of it "
                          "on the CPU, which tests the script")
    return place


# --- The proof --------------------------------------------------------------------------------


class Table:
    """What became of each part: every line says run, skipped (why) or never run."""

    def __init__(self, place: Place):
        self.place = place
        self.lines: list[list[str]] = []
        self.failed = False

    def add(self, what: str, outcome: str, detail: str = "", failed: bool = False) -> None:
        self.lines.append([what, outcome, detail])
        self.failed = self.failed or failed

    def ran(self, what: str, detail: str, failed: bool = False) -> None:
        self.add(what, self.place.ran + (", FAILED" if failed else ""), detail, failed)

    @contextmanager
    def part(self, what: str, limit: float) -> Iterator[float]:
        """A part with a limit: what takes longer, or fails, becomes a line."""
        start = time.monotonic()
        try:
            yield start
        except Late:
            self.add(what, "never run to its end", f"not done after {limit:.0f} s", failed=True)
        except CourseError as error:
            self.add(what, "FAILED", str(error), failed=True)

    def text(self) -> str:
        return text_of([["", "", "what came of it"], *self.lines], right=False)


PROGRAMS = {"step05_main": ("--device={device}", "--epochs=2"), "step11_main": ("--device={device}", "--epochs=3"),
            "step12_train": ("trainer.accelerator={device}", "trainer.max_epochs=2")}
TARGETS = ("common_tests", "lit_tests", "cuda_tests", "steps_tests", *(f"step{number:02}_tests" for number in range(6, 13)), *PROGRAMS,
           "bench_runs", "course_probe")
# Suites of C++, and not the tests in Python, whose names begin with a small letter.
SUITES, IN_PYTHON = r"^(common|lit|cuda|steps?[0-9]*)\.", r"^[a-z0-9]+\.[a-z]"


def tail(said: str) -> str:
    lines = [line for line in said.splitlines() if re.search(r"error|FAILED", line)] or said.strip().splitlines()
    return lines[0].strip()[:160] if lines else ""


def test_lines(table: Table, junit: Path) -> None:
    """A line for each suite that needs a device, one for all others."""
    others = {"run": 0, "failed": [], "skipped": 0}
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        name, status = case.get("name", ""), case.get("status")
        skipped = case.find("skipped")
        if name.startswith("cuda."):
            if skipped is not None:
                table.add(name, "skipped", "no CUDA device here")
            else:
                table.ran(name, "passed" if status == "run" else "", failed=status != "run")
        elif skipped is not None:
            others["skipped"] += 1
        elif status == "run":
            others["run"] += 1
        else:
            others["failed"].append(name)
    if others["run"] or others["failed"]:
        detail = f"{others['run']} suites passed" + (f", {len(others['failed'])} failed: {' '.join(others['failed'])}" if others["failed"] else "")
        table.add("all other C++ tests", "run" + (", FAILED" if others["failed"] else ""), detail, failed=bool(others["failed"]))


def prove(root: Path, preset: str, stand_in: str | None, python: str | None, tests: str = SUITES,
          cases: tuple = FEW) -> int:
    """Builds, tests, runs three programs and measures: one table, and 1 if anything failed."""
    place = place_for(root, preset, stand_in, python, "prove cuda")
    table = Table(place)
    begun = time.monotonic()
    packages.install(("build",))
    built = False
    with table.part("build", LIMITS["build"]) as start:
        limit = LIMITS["build"] if not place.stand_in else 3600
        build.configure(place.root, place.preset)
        code, said = call(place, ["cmake", "--build", "--preset", place.preset, "--target", *TARGETS], limit)
        table.add("build", "run" + (", FAILED" if code else ""), tail(said) if code else f"{time.monotonic() - start:.0f} s", failed=code != 0)
        built = code == 0
    if not built:
        for name in ("C++ tests", *PROGRAMS, *(f"benchmark: {name}" for name in VARIANTS)):
            table.add(name, "never run", "nothing was built")
        print(table.text())
        return 1
    with tempfile.TemporaryDirectory(prefix="course-cuda-") as folder:
        with table.part("C++ tests", LIMITS["tests"]):
            junit = Path(folder, "tests.xml")
            call(place, ["ctest", "--preset", place.preset, "-R", tests, "-E", IN_PYTHON, "-j", str(os.cpu_count()),
                         "--output-junit", junit], LIMITS["tests"] if not place.stand_in else 3600)
            test_lines(table, junit)
        for name, flags in PROGRAMS.items():
            with table.part(name, LIMITS["program"]) as start:
                code, said = call(place, [place.program(name), *(flag.format(device=place.device) for flag in flags)],
                                  LIMITS["program"] if not place.stand_in else 600, COURSE_RUNS=folder, COURSE_DATA=str(data()), NO_COLOR="1")
                accuracy = re.findall(r"accuracy[^0-9]*([0-9.]+ ?%)", said)
                table.ran(name, tail(said) if code else f"{time.monotonic() - start:.0f} s" + (f", accuracy {accuracy[-1]}" if accuracy else ""),
                          failed=code != 0)
    measured = None
    with table.part("benchmark", LIMITS["benchmark"]):
        measured, why = benchmark(place, cases, 1, 4 if not place.stand_in else 2, LIMITS["benchmark"] if not place.stand_in else 3600)
        for name in VARIANTS:
            count = sum(name in times for times in measured.values())
            if name in why and not count:
                table.add(f"benchmark: {name}", "skipped", why[name])
            else:
                table.ran(f"benchmark: {name}", f"{count} of {len(measured)} cases" + (f"; {why[name]}" if name in why else ""))
    print(f"\n{table.text()}\n")
    if measured:
        print(f"{text_of(rows(measured))}\n")
    print(f"{time.monotonic() - begun:.0f} s in all, on {os.cpu_count()} cores", flush=True)
    return 1 if table.failed else 0


def bench(root: Path, preset: str, stand_in: str | None) -> int:
    """The verb `bench cuda`: all cases, three rounds."""
    place = place_for(root, preset, stand_in, None, "bench cuda")
    packages.install(("build",))
    build.build(place.root, place.preset, "bench_runs")
    found, why = benchmark(place, CASES, 3 if not place.stand_in else 1, 6 if not place.stand_in else 2, 3600)
    print(f"Adam, {place.ran}, {3 if not place.stand_in else 1} rounds in turn\n\n{text_of(rows(found))}\n")
    for name, reason in why.items():
        print(f"{name}: skipped, {reason}")
    folder = root / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cuda.json").write_text(json.dumps({"times": found, "skipped": why, "where": place.ran}, indent=1), encoding="utf-8")
    print(folder / "cuda.json")
    return 0
