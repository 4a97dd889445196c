"""./course bench scale: what grows with what, and by which power; ours beside a Python's Lightning."""
import json
import math
import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from coursetool import build
from coursetool.errors import CourseError

MOST = 1.15  # the power by which anything may grow
# Less than this is the noise of a process, in which no power can be seen: seconds, MiB.
NOISE = {"seconds": 0.04, "mib": 12.0}
LONGEST = 150  # seconds: a size that would take longer is left out


@dataclass(frozen=True)
class Axis:
    """Sizes, each ten times the one before; and why, and by which power, it may grow faster, if it does."""

    smallest: int
    largest: int
    because: str = ""
    most: float = MOST

    @property
    def sizes(self) -> list[int]:
        return [self.smallest * 10**i for i in range(round(math.log10(self.largest / self.smallest)) + 1)]


AXES = {
    "steps of an epoch": Axis(1_000, 100_000),
    "epochs": Axis(100, 10_000),
    "layers": Axis(100, 10_000),
    "values logged in a step": Axis(100, 10_000, "ten thousand names outgrow the processor's cache; from there to a hundred thousand the power is 1", 1.5),
    "callbacks": Axis(100, 10_000),
    "samples in memory, shuffled": Axis(100_000, 10_000_000, "a random order of ten million samples is larger than the processor's cache", 1.3),
    "samples that two batches leave": Axis(10_000, 1_000_000),
    "samples that a sanity check leaves": Axis(10_000, 1_000_000),
    "batches that a resumed epoch has behind it": Axis(10_000, 1_000_000),
    "validation loaders": Axis(10, 1_000),
    "predictions": Axis(1_000, 100_000, "all are kept, which outgrows the processor's cache; from there to three times as many the power is below 1", 1.4),
    "tensors of 16 MiB, saved": Axis(100, 10_000),
    "tensors of 16 MiB, loaded": Axis(100, 10_000),
    "MiB of one tensor, saved": Axis(10, 1_000),
    "MiB of eight views, saved": Axis(10, 1_000),
    "MiB of one tensor, loaded": Axis(10, 1_000),
    "layers of a run that goes on": Axis(100, 10_000, "about half is its training step, where libtorch's graph of so many layers outgrows the cache", 1.4),
    "checkpoints that are all kept": Axis(10, 1_000),
    "the same with a monitor": Axis(10, 1_000, "each file names all that are kept, as Lightning's does", 2.1),
    "epochs with a report and a checkpoint each": Axis(10, 1_000, "each checkpoint holds the points of the report's curves, at most 2,000 of each", 1.4),
    "rows of a CSV file": Axis(1_000, 100_000),
    "rows before a late column of a CSV file": Axis(10_000, 1_000_000),
    "columns of a CSV file, each new": Axis(10, 1_000, "each widens all rows before it, so that the file is written anew each time, as Lightning's is", 3.1),
    "scalars for TensorBoard": Axis(1_000, 100_000),
    "batches before a forward of AUROC": Axis(100, 10_000),
}


def growth(sizes: list[int], values: list[float], noise: float) -> float | None:
    """The largest power by which they grow from one size to the next; None: they are too small to tell."""
    powers = [math.log(b / max(a, noise / 10)) / math.log(n / m)
              for m, n, a, b in zip(sizes, sizes[1:], values, values[1:]) if b >= noise]
    return max(powers, default=None)


def next_takes(seconds: list[float]) -> float:
    """What ten times the size takes, if it grows as it did, or in proportion."""
    grew = seconds[-1] / max(seconds[-2], NOISE["seconds"]) if len(seconds) > 1 else 1.0
    return seconds[-1] * max(10.0, grew)


def case(command: list, axis: str, size: int, environment: dict[str, str]) -> dict[str, float]:
    """One process; the least of two where it is short, as what else the machine does makes it only longer."""
    found: dict[str, float] = {}
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="course-bench-") as folder:
            done = subprocess.run([*command, axis, str(size), folder], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CourseError(f"a run failed: {' '.join(map(str, command))} '{axis}' {size}\n{done.stderr[-1000:]}")
        result = json.loads(done.stdout.strip().splitlines()[-1])
        found = {name: min(value, found.get(name, value)) for name, value in result.items()}
        if not found or found["seconds"] > 2:
            break
    return found


def measure(root: Path, preset: str, _threads: int) -> dict:
    """Every axis at every size, in both languages if $COURSE_PYTHON has Lightning; $COURSE_BENCH_AXES names some of them, by their beginnings."""
    build.build(root, preset, "bench_scale")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    words = shlex.split(os.environ.get("COURSE_PYTHON") or "python3")
    commands: dict[str, list] = {"ours": [build.folder(root, preset) / "bin" / "bench_scale"]}
    if subprocess.run([*words, "-c", "import lightning"], env=environment, capture_output=True, check=False).returncode == 0:
        commands["Lightning"] = [*words, root / "benchmarks/python/scale.py"]
    wanted = tuple(filter(None, os.environ.get("COURSE_BENCH_AXES", "").split(",")))
    found: dict = {}
    for axis, facts in AXES.items():
        if wanted and not axis.startswith(wanted):
            continue
        found[axis] = {}
        for name, command in commands.items():
            values: list[dict] = []
            for size in facts.sizes:
                one = case(command, axis, size, environment)
                if one:
                    values.append(one | {"size": size})
                if not one or next_takes([value["seconds"] for value in values]) > LONGEST:
                    break
            found[axis][name] = values
    return found


def _cells(values: list[dict], kind: str) -> list[str]:
    if not values:
        return ["", ""]
    numbers = [one[kind] for one in values]
    power = growth([one["size"] for one in values], numbers, NOISE[kind])
    shown = "  ".join(f"{number:.2f}" if kind == "seconds" else f"{number:.0f}" for number in numbers)
    return [shown, "-" if power is None else f"{power:.2f}"]


def rows(found: dict, kind: str) -> list[list[str]]:
    """An axis a row: what it took at each size, and by which power it grew, in both languages."""
    unit = {"seconds": "seconds", "mib": "MiB at the peak"}[kind]
    lines = [[unit, "sizes", "ours", "power", "Lightning", "power"]]
    for axis, languages in found.items():
        sizes = AXES[axis].sizes
        lines.append([axis, f"{sizes[0]:,} to {sizes[-1]:,}", *_cells(languages["ours"], kind), *_cells(languages.get("Lightning", []), kind)])
    return lines


def too_steep(found: dict) -> list[tuple[str, str, float]]:
    """What of ours grows by more than it may: axis, kind, power."""
    steep = []
    for axis, languages in found.items():
        for kind, noise in NOISE.items():
            values = languages["ours"]
            power = growth([one["size"] for one in values], [one[kind] for one in values], noise)
            if power is not None and power > AXES[axis].most:
                steep.append((axis, kind, power))
    return steep
