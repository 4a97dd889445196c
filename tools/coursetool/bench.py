"""./course bench: what the speed claims come from, measured in turn, with the goals beside it."""
import json
import os
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from coursetool import build, packages, scale
from coursetool.errors import CourseError, UsageError
from coursetool.nearest import did_you_mean
from coursetool.shell import run
from coursetool.steps import load_steps

MODELS = {"linear": "Linear(784,10)", "mlp": "MLP 784-512-256-10", "autoencoder": "autoencoder 784-64-3-64-784"}
BARE, OURS = ("--loop", "bare"), ("--optimizer", "lit", "--flush")
# What is compared: a name, and the flags of bench_runs, or of its twin in Python.
VARIANTS = {
    "Python, whole tensors": ("python", "--loader", "tensors"),
    "Python, torch's DataLoader": ("python", "--loader", "dataloader"),
    "C++ loop, libtorch's Adam": (*BARE, "--optimizer", "torch"),
    "C++ loop, libtorch's Adam, denormals as 0": (*BARE, "--optimizer", "torch", "--flush"),
    "C++ loop, libtorch's Adam and DataLoader": (*BARE, "--optimizer", "torch", "--loader", "torch"),
    "C++ loop, lit::Adam": (*BARE, *OURS),
    "lit::Trainer at its defaults": ("--loop", "trainer", *OURS),
}
PYTHON, TRAINER, LOOP = "Python, whole tensors", "lit::Trainer at its defaults", "C++ loop, lit::Adam"
KEPT, FLUSHED = "C++ loop, libtorch's Adam", "C++ loop, libtorch's Adam, denormals as 0"
# Those that see the same batches: their losses prove the same work.
SAME_WORK = tuple(name for name in VARIANTS if "DataLoader" not in name)


@dataclass(frozen=True)
class Line:
    """One claim: what was measured, the goal, and whether it is met."""

    what: str
    measured: str
    goal: str
    met: bool


class Python:
    """The Python whose torch is the one that the programs run on, and the data set that both read."""

    def __init__(self):
        self.path = next((path for path in ("/usr/bin/python3", "python3") if self._has_torch(path)), None)
        if self.path is None:
            raise CourseError("no Python here has torch, with which the runs are compared; on Debian: apt-get install python3-torch")

    @staticmethod
    def _has_torch(path: str) -> bool:
        try:
            return subprocess.run([path, "-c", "import torch, numpy"], capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    def import_seconds(self) -> float:
        """What it needs to be there and to import torch."""
        start = time.time()
        subprocess.run([self.path, "-c", "import torch"], check=True)
        return time.time() - start


def data_folder() -> Path:
    """The whole of Fashion-MNIST, which Debian has as a package."""
    folder = Path(os.environ.get("COURSE_DATA") or "/usr/share/datasets/fashion-mnist")
    if not list(folder.glob("train-images-idx3-ubyte*")):
        raise CourseError(f"{folder} has no train-images-idx3-ubyte; ./course data fashion-mnist fetches it, $COURSE_DATA names another place")
    return folder


# What OpenMP looks at; a measurement sets its own.
OPENMP = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
# What libgomp does when nothing is set: a waiting thread spins that often before it sleeps.
SPINNING = {"GOMP_SPINCOUNT": "300000"}


def measure(command: list[str], threads: int | None, **more: str) -> dict:
    """One run in a process of its own, with the seconds until its first batch. None: as many threads as it chooses."""
    environment = {key: value for key, value in os.environ.items() if key not in OPENMP} | {"COURSE_DATA": str(data_folder())} | more
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    start = time.time()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CourseError(f"a run failed: {' '.join(command)}\n{done.stderr[-1000:]}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    result["until_first_batch"] = result["first_batch"] - start
    return result


def measure_all(root: Path, preset: str, python: Python, rounds: int, threads: int) -> dict[str, dict[str, list[dict]]]:
    """Every variant of every model in turn: what else the machine does hits all of them."""
    results: dict[str, dict[str, list[dict]]] = {model: {name: [] for name in VARIANTS} for model in MODELS}
    binary = str(build.folder(root, preset) / "bin" / "bench_runs")
    with tempfile.TemporaryDirectory(prefix="course-bench-") as folder:
        for turn in range(rounds):
            for model in MODELS:
                names = list(VARIANTS) if turn % 2 == 0 else list(reversed(VARIANTS))
                for name in names:
                    flags = VARIANTS[name]
                    if flags[0] == "python":
                        command = [python.path, str(root / "benchmarks/python/runs.py"), "--data", str(data_folder()), *flags[1:]]
                    else:
                        command = [binary, "--folder", folder, *flags]
                    results[model][name].append(measure([*command, "--model", model], threads))
                    if sys.stderr.isatty():
                        print(f"\rround {turn + 1} of {rounds}: {model}, {name}\033[K", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return results


def check_same_work(results: dict) -> None:
    """Equal losses, to four digits: what is compared must be the same job."""
    for model, variants in results.items():
        losses = {name: variants[name][0]["losses"] for name in SAME_WORK}
        first = losses[PYTHON]
        for name, found in losses.items():
            if any(abs(a - b) > 1e-4 * abs(b) for a, b in zip(found[:1], first[:1])):
                raise CourseError(f"not the same work: {model}, {name} has losses {found}, but Python {first}")


def per_step(run: dict, epoch: int = -1) -> float:
    """Microseconds of one step, on the clock."""
    return 1e6 * run["seconds"][epoch] / run["steps"]


def of_pairs(results: dict, model: str, name: str, other: str, value) -> float:
    """The median over rounds of what two variants of the same round have to do with each other."""
    variants = results[model]
    return statistics.median(value(a, b) for a, b in zip(variants[name], variants[other]))


def claims(results: dict, start: float, import_seconds: float) -> list[Line]:
    lines = []
    for model, goal in (("linear", 2.0), ("mlp", 1.6), ("autoencoder", 2.0)):
        ratio = of_pairs(results, model, PYTHON, TRAINER, lambda a, b: sum(a["seconds"]) / sum(b["seconds"]))
        lines.append(Line(f"{MODELS[model]}: the Trainer against Python's loop", f"{ratio:.2f} x as fast", f"{goal:g} x", ratio >= goal))
    for model in MODELS:
        slower = statistics.median(run["seconds"][1] / run["seconds"][0] for run in results[model][TRAINER])
        lines.append(Line(f"{MODELS[model]}: the second epoch against the first", f"{slower:.2f}", "at most 1.05", slower <= 1.05))
    for model in MODELS:
        ratio = of_pairs(results, model, FLUSHED, KEPT, lambda a, b: per_step(a) / per_step(b))
        lines.append(Line(f"{MODELS[model]}: denormals as 0, libtorch's Adam, second epoch", f"{ratio:.2f} of its time", "", True))
    peak = of_pairs(results, "mlp", TRAINER, PYTHON, lambda a, b: a["peak_kib"] / b["peak_kib"])
    mib = statistics.median(run["peak_kib"] for run in results["mlp"][TRAINER]) / 1024
    lines.append(Line("peak memory, of Python's", f"{100 * peak:.0f} % ({mib:.0f} MiB)", "at most 60 %", peak <= 0.6))
    lines.append(Line("from start to the first batch", f"{start:.2f} s", f"below {import_seconds:.2f} s (Python's import torch)", start < import_seconds))
    return lines


def table(rows: list[list[str]], right: set[int]) -> str:
    """Columns that line up, the first row being their names."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    texts = ["  ".join(cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
             for row in rows]
    return "\n".join([texts[0], "  ".join("─" * width for width in widths), *texts[1:]])


def times(results: dict) -> list[list[str]]:
    """Microseconds a step: the median of all epochs, and how far apart they are."""
    rows = [["us per step, on the clock", *MODELS.values()]]
    for name in VARIANTS:
        cells = []
        for model in MODELS:
            values = [per_step(run, epoch) for run in results[model][name] for epoch in range(len(run["seconds"]))]
            cells.append(f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})")
        rows.append([name, *cells])
    return rows


def picture(results: dict) -> str:
    """Bars: microseconds a step, each model on a scale of its own."""
    width, row, left = 760, 22, 270
    parts, y = [], 10
    for model, title in MODELS.items():
        values = {name: statistics.median(per_step(run) for run in runs) for name, runs in results[model].items()}
        most = max(values.values())
        y += 24
        parts.append(f'<text x="16" y="{y}" font-weight="bold">{escape(title)}, us per step</text>')
        for name, value in values.items():
            y += row
            ink = "#0072B2" if name == TRAINER else "#9AA5B1"
            parts.append(f'<text x="{left - 8}" y="{y}" text-anchor="end">{escape(name)}</text>'
                         f'<rect x="{left}" y="{y - 12}" width="{(width - left - 90) * value / most:.1f}" height="15" fill="{ink}"/>'
                         f'<text x="{left + (width - left - 90) * value / most + 6:.1f}" y="{y}">{value:,.0f}</text>')
        y += 14
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 10}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n")


def runs(root: Path, preset: str, threads: int) -> dict:
    """Whole runs, beside their twins in Python."""
    rounds = int(os.environ.get("COURSE_BENCH_ROUNDS") or 3)
    python = Python()
    build.build(root, preset, "bench_runs")
    results = measure_all(root, preset, python, rounds, threads)
    check_same_work(results)
    imports, starts = [], []
    with tempfile.TemporaryDirectory(prefix="course-bench-") as folder:
        command = [str(build.folder(root, preset) / "bin" / "bench_runs"), "--folder", folder, "--epochs", "1", *VARIANTS[TRAINER], "--model", "linear"]
        for _ in range(2 * rounds + 1):
            imports.append(python.import_seconds())
            starts.append(measure(command, threads)["until_first_batch"])
    return {"rounds": rounds, "threads": threads, "import_torch": statistics.median(imports), "start": statistics.median(starts), "results": results}


def overhead(root: Path, preset: str, threads: int) -> dict:
    """What the Trainer costs for each step, pair by pair in one process: of each model the medians."""
    build.build(root, preset, "bench_trainer_overhead")
    found = {}
    with tempfile.TemporaryDirectory(prefix="course-bench-") as folder:
        for model, batches in (("linear", 500), ("mlp", 100)):
            command = [build.folder(root, preset) / "bin" / "bench_trainer_overhead", "--model", model, "--batches", str(batches),
                       "--json", f"{folder}/medians.json"]
            run(command, environment={"OMP_NUM_THREADS": str(threads)})
            found[model] = json.loads(Path(folder, "medians.json").read_text())
    return found


def overhead_claims(found: dict) -> list[Line]:
    linear, mlp = found["linear"], found["mlp"]
    share = mlp["difference"] / mlp["hand"]
    return [Line(f"{MODELS['linear']}: the Trainer over the loop by hand", f"{linear['difference']:+.1f} us a step", "at most 10 us",
                 linear["difference"] <= 10),
            Line(f"{MODELS['mlp']}: the Trainer over the loop by hand", f"{100 * share:+.1f} %", "at most 2 %", share <= 0.02),
            Line(f"{MODELS['linear']}: profiler = \"simple\" over none", f"{linear['profiled'] - linear['trainer']:+.1f} us a step", "", True)]


def piece_claims(medians: dict[str, float], rates: dict[str, float], step: float | None) -> list[Line]:
    """`medians` in microseconds, `rates` in operations a second, `step` a step of the MLP in microseconds, if it was measured."""
    lines = []
    for kind, goal in (("adam", 3.5), ("adamw", 3.5), ("sgd", 1.0)):
        ratio = medians[f"{kind}/torch::optim"] / medians[f"{kind}/lit"]
        lines.append(Line(f"{kind}: lit's against torch::optim's, 535,818 parameters", f"{ratio:.2f} x as fast", f"{goal:g} x", ratio >= goal))
    for name in ("batch/InMemoryLoader", "batch/InMemoryLoader, bytes to float"):
        ratio = medians[name] / medians["batch/memcpy"]
        lines.append(Line(f"{name[6:]}, against a gather by memcpy", f"{ratio:.2f}", "at most 1.2", ratio <= 1.2))
    slower = medians["batch/torch::data::DataLoader"] / medians["batch/InMemoryLoader"]
    lines.append(Line("libtorch's DataLoader, against InMemoryLoader", f"{slower:.1f} x as slow", "", True))
    ratio = medians["decode/load_image_set"] / medians["decode/zlib"]
    lines.append(Line("decoding the .gz files, against zlib", f"{ratio:.2f}", "at most 1.2", ratio <= 1.2))
    reached = rates["gemm/mlp step"] / rates["gemm/1024"]
    lines.append(Line("the MLP's matrix products, of the machine's rate", f"{100 * reached:.0f} % of {rates['gemm/1024'] / 1e9:.0f} GFLOP/s", "", True))
    if step is not None:
        shares = {"matrix products": medians["gemm/mlp step"] / step, "Adam": medians["adam/lit"] / step,
                  "batch": medians["batch/InMemoryLoader, bytes to float"] / step}
        shares["rest (activations, bias gradients, loss, autograd, logging)"] = 1 - sum(shares.values())
        lines += [Line(f"the MLP's {what}, of a step of the Trainer", f"{100 * share:.0f} %", "", True) for what, share in shares.items()]
    return lines


def pieces(root: Path, preset: str, threads: int) -> dict:
    """Google Benchmark's medians: microseconds, their spread, and operations a second."""
    build.build(root, preset, "bench_pieces")
    with tempfile.TemporaryDirectory(prefix="course-bench-") as folder:
        out = Path(folder, "pieces.json")
        run([build.folder(root, preset) / "bin" / "bench_pieces", "--benchmark_repetitions=9", "--benchmark_min_time=0.1",
             "--benchmark_enable_random_interleaving=true", "--benchmark_report_aggregates_only=true", f"--benchmark_out={out}",
             "--benchmark_out_format=json"], environment={"OMP_NUM_THREADS": str(threads), "COURSE_DATA": str(data_folder())})
        measured = json.loads(out.read_text())["benchmarks"]
    unit = {"ns": 1e-3, "us": 1, "ms": 1e3}
    medians, rates, spread = {}, {}, {}
    for one in measured:
        name = one["run_name"].partition("/repeats:")[0]
        if one["aggregate_name"] == "median":
            medians[name] = one["real_time"] * unit[one["time_unit"]]
            rates[name] = one.get("flops", 0)
        elif one["aggregate_name"] == "cv":
            spread[name] = one["real_time"]
    return {"threads": threads, "medians": dict(sorted(medians.items())), "rates": rates, "spread": spread}


def threads_against_one(root: Path, preset: str, _threads: int) -> dict:
    """The default number of threads, and all hardware threads, against one, alone and beside a process that keeps a core busy; and waiting by spinning."""
    build.build(root, preset, "bench_runs")
    binary = str(build.folder(root, preset) / "bin" / "bench_runs")
    rounds = int(os.environ.get("COURSE_BENCH_ROUNDS") or 3)
    most = max(2, os.cpu_count() or 2)
    found: dict = {"default": 0, "most": most, "ratios": {}, "all": {}, "spinning": {}}
    with tempfile.TemporaryDirectory(prefix="course-bench-") as folder:

        def seconds(model: str, threads: int | None, **more: str) -> float:
            run = measure([binary, "--folder", folder, "--epochs", "1", *VARIANTS[TRAINER], "--model", model], threads, **more)
            if threads is None:
                found["default"] = run["threads"]
            return run["seconds"][0]

        for where in ("alone", "beside a busy process"):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if where != "alone" else None
            try:
                for model in ("linear", "mlp"):
                    ratios = []
                    for _ in range(rounds):
                        one, default, all_, spinning = seconds(model, 1), seconds(model, None), seconds(model, most), seconds(model, most, **SPINNING)
                        ratios.append((default / one if found["default"] > 1 else 1.0, all_ / one, spinning / one))
                    title = f"{MODELS[model]}, {where}"
                    for name, values in zip(("ratios", "all", "spinning"), zip(*ratios)):
                        found[name][title] = statistics.median(values)
            finally:
                if busy is not None:
                    busy.kill()
                    busy.wait()
    return found


def thread_claims(found: dict) -> list[Line]:
    lines = []
    for what, ratio in found["ratios"].items():
        measured = f"{ratio:.2f} of its time" if found["default"] > 1 else "it is one"
        lines.append(Line(f"{what}: the default, {found['default']} thread(s), against 1", measured, "at most 1.05", ratio <= 1.05))
        lines.append(Line(f"{what}: {found['most']} threads against 1", f"{found['all'][what]:.2f} of its time", "", True))
        lines.append(Line(f"{what}: {found['most']} that wait by spinning, libgomp's default", f"{found['spinning'][what]:.2f} of its time", "", True))
    return lines


def build_times(root: Path, _preset: str, _threads: int) -> dict:
    """What a build needs, in a clone of its own with an empty cache: seconds."""
    seconds = {}

    def timed(name: str, *command: str | Path, **environment: str) -> None:
        start = time.time()
        run(command, clone, environment | {"CCACHE_DIR": str(cache)})
        seconds[name] = seconds.get(name, 0) + time.time() - start

    with tempfile.TemporaryDirectory(prefix="course-bench-") as folder:
        clone, cache = Path(folder, "clone"), Path(folder, "ccache")
        run(["git", "clone", "-q", root, clone])
        target = [step for step in load_steps(clone) if step.number >= 4][-1].programs[0].target
        for name in ("cold", "with ccache"):
            timed(name, "cmake", "--preset", "release")
            timed(name, "cmake", "--build", "--preset", "release", "--target", target)
            if name == "cold":
                shutil.rmtree(clone / "build")
        timed("everything", "cmake", "--build", "--preset", "release")
    return seconds


def build_claims(seconds: dict) -> list[Line]:
    goals = {"cold": ("what ./course run builds, cold", 240), "with ccache": ("the same, with ccache", 20), "everything": ("everything else", 720)}
    return [Line(text, f"{seconds[name]:.0f} s", f"{goal} s", seconds[name] <= goal) for name, (text, goal) in goals.items()]


def edit_times(root: Path, preset: str, _threads: int) -> dict:
    """What a learner waits for after a change of one lesson: its program is compiled and linked, and no cache helps."""
    build.build(root, preset, "step05_main")
    compiled = build.folder(root, preset) / "step05_evaluation/CMakeFiles/step05_main.dir/main.cpp.o"
    seconds = []
    for _ in range(3):
        compiled.unlink()
        start = time.time()
        run(["cmake", "--build", "--preset", preset, "--target", "step05_main"], root, {"CCACHE_DISABLE": "1"})
        seconds.append(time.time() - start)
    return {"one step": statistics.median(seconds)}


def edit_claims(found: dict) -> list[Line]:
    return [Line("one changed step, rebuilt and linked", f"{found['one step']:.0f} s", "10 s", found["one step"] <= 10)]


def metrics(root: Path, preset: str, threads: int) -> dict:
    """An update of each metric, beside torchmetrics', in turn; without a Python that has it, by itself."""
    build.build(root, preset, "bench_metrics")
    words = shlex.split(os.environ.get("COURSE_PYTHON") or "python3")
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}

    def least(command: list, rounds: int = 3) -> dict[str, float]:
        all_found = [json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
                     for _ in range(rounds)]
        return {name: min(found[name] for found in all_found) for name in all_found[0]}

    has_torchmetrics = subprocess.run([*words, "-c", "import torchmetrics"], env=environment, capture_output=True, check=False).returncode == 0
    return {"lit": least([build.folder(root, preset) / "bin" / "bench_metrics"]),
            "torchmetrics": least([*words, root / "benchmarks/python/metrics.py"]) if has_torchmetrics else {}}


def metric_claims(found: dict) -> list[Line]:
    """Without torchmetrics there is nothing to say."""
    ratios = {name: found["lit"][name] / microseconds for name, microseconds in found["torchmetrics"].items()}
    return [Line(f"an update of {name}, against torchmetrics'", f"{ratio:.2f}", "at most 1", ratio <= 1) for name, ratio in ratios.items()]


MEASURED: dict[str, Callable[[Path, str, int], dict]] = {"runs": runs, "trainer_overhead": overhead, "pieces": pieces, "metrics": metrics, "scale": scale.measure,
                                                          "threads": threads_against_one, "build": build_times, "edit": edit_times}


def scale_claims(found: dict) -> list[Line]:
    steep = scale.too_steep(found)
    lines = [Line(f"{axis}: the power of its {kind}", f"{power:.2f}", f"at most {scale.AXES[axis].most}", False) for axis, kind, power in steep]
    return lines or [Line(f"{len(found)} axes: what grows by more than the power of {scale.MOST} without a reason", "nothing", "nothing", True)]


def scale_tables(found: dict) -> str:
    tables = [table(scale.rows(found, kind), {3, 5}) for kind in scale.NOISE]
    why = [f"{axis}: {scale.AXES[axis].because}" for axis in found if scale.AXES[axis].because]
    return "\n\n".join([*tables, *why])


def details(found: dict[str, dict]) -> list[str]:
    """What was measured, before it is compared with anything."""
    parts = []
    if "runs" in found:
        one = found["runs"]
        parts.append(f"Fashion-MNIST, batches of 64, Adam, {one['threads']} thread(s), {one['rounds']} rounds of two epochs, each variant in turn\n\n"
                     + table(times(one["results"]), {1, 2, 3}))
    if "pieces" in found:
        one = found["pieces"]
        rows = [[name, f"{value:,.1f}", f"{100 * one['spread'][name]:.0f} %"] for name, value in one["medians"].items()]
        parts.append(f"{one['threads']} thread(s), medians of 9 repetitions in random order\n\n" + table([["us", "median", "spread"], *rows], {1, 2}))
    if "metrics" in found:
        one = found["metrics"]
        rows = [[name, f"{value:,.1f}", f"{one['torchmetrics'][name]:,.1f}" if one["torchmetrics"] else "not there"] for name, value in one["lit"].items()]
        parts.append("an update of a metric\n\n" + table([["us", "lit", "torchmetrics"], *rows], {1, 2}))
    if "scale" in found:
        parts.append(scale_tables(found["scale"]))
    return parts


def all_claims(found: dict[str, dict]) -> str:
    """One table: every claim, as measured, and its goal."""
    lines = []
    if "runs" in found:
        lines += claims(found["runs"]["results"], found["runs"]["start"], found["runs"]["import_torch"])
    if "trainer_overhead" in found:
        lines += overhead_claims(found["trainer_overhead"])
    if "pieces" in found:
        one, step = found["pieces"], None
        if "runs" in found and found["runs"]["threads"] == one["threads"]:
            step = statistics.median(per_step(run) for run in found["runs"]["results"]["mlp"][TRAINER])
        lines += piece_claims(one["medians"], one["rates"], step)
    if "metrics" in found:
        lines += metric_claims(found["metrics"])
    if "scale" in found:
        lines += scale_claims(found["scale"])
    if "threads" in found:
        lines += thread_claims(found["threads"])
    if "build" in found:
        lines += build_claims(found["build"])
    if "edit" in found:
        lines += edit_claims(found["edit"])
    return table([["", "measured", "goal", ""], *([line.what, line.measured, line.goal, "" if not line.goal else "met" if line.met else "not met"]
                                                  for line in lines)], {1})


def report(found: dict[str, dict]) -> str:
    """What was measured, as tables; and every claim with its goal."""
    return "\n\n".join([*details(found), all_claims(found)]) + "\n"


def machine() -> str:
    """The processor, as it calls itself."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"model name\s*: (.*)", text)
    return f"{name[1] if name else platform.machine()}, {os.cpu_count()} hardware threads"


# In the README: the block behind this line is the table of claims.
PLACE = "<!-- typed: ./course bench --page puts it here; times of one machine on one day -->\n"


SCALE = "\n## What grows with what\n"


def write_scale(root: Path, found: dict) -> None:
    """The part of docs/speed.md behind the rest."""
    path = root / "docs" / "speed.md"
    path.write_text(
        path.read_text(encoding="utf-8").partition(SCALE)[0] + SCALE + "\nEach case runs at sizes of ten times the one before, in a process of its own, with "
        "one thread, beside Python's Lightning on the same libtorch:\nseconds of the processor, and memory at the peak on top of what was there. The power is "
        "the largest by which a value grew from one size to the next:\n1 is in proportion. A dash: too little to tell. A size that "
        f"would take more than {scale.LONGEST} seconds is left out.\n\n{machine()}, {time.strftime('%Y-%m-%d')}; `./course bench scale --page` wrote this part.\n\n"
        "<!-- typed: times of one machine on one day -->\n```text\n" + scale_tables(found) + "\n```\n", encoding="utf-8")


def write_page(root: Path, found: dict[str, dict]) -> None:
    """docs/speed.md, its picture, and the README's table, from what was measured last."""
    missing = [name for name in MEASURED if name not in found]
    if missing:
        raise CourseError(f"the page needs all benchmarks, but {', '.join(missing)} was not run yet; run ./course bench")
    (root / "docs" / "speed.svg").write_text(picture(found["runs"]["results"]), encoding="utf-8")
    (root / "docs" / "speed.md").write_text(
        "# How fast it is\n\nWhat `./course bench` measured, and the goals beside it. All of it comes from one machine, which has other things to do: "
        "look at the ratios, which are\nmedians over pairs of runs in turn, and not at single times. Twins that see the same batches have the same losses; "
        "that is checked first.\n\n![Microseconds for each step](speed.svg)\n\n"
        f"{machine()}, {time.strftime('%Y-%m-%d')}; `./course bench --page` wrote this page.\n\n"
        "<!-- typed: times of one machine on one day -->\n```text\n" + report({name: one for name, one in found.items() if name != "scale"})
        + "```\n", encoding="utf-8")
    write_scale(root, found["scale"])
    front = root / "README.md"
    before, place, behind = front.read_text(encoding="utf-8").partition(PLACE)
    if not place:
        raise CourseError(f"README.md has no place for the table: a line '{PLACE.strip()}' in front of a block")
    front.write_text(before + place + "```text\n" + all_claims(found) + "\n```\n" + behind.partition("\n```\n")[2], encoding="utf-8")


def main(root: Path, preset: str, words: list[str]) -> int:
    page = "--page" in words
    names = [word for word in words if word != "--page"]
    unknown = next((word for word in names if word not in MEASURED), None)
    if unknown is not None:
        raise UsageError(f"there is no benchmark '{unknown}'{did_you_mean(unknown, list(MEASURED))}; there are {', '.join(MEASURED)}")
    packages.install(("build", "bench"))
    folder = root / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    threads = int(os.environ.get("OMP_NUM_THREADS") or 1)
    chosen = names or list(MEASURED)
    for name in chosen:
        (folder / f"{name}.json").write_text(json.dumps(MEASURED[name](root, preset, threads), indent=1))
    found = {name: json.loads((folder / f"{name}.json").read_text()) for name in MEASURED if (folder / f"{name}.json").is_file()}
    print(report({name: found[name] for name in chosen}), end="")
    if "runs" in chosen:
        (folder / "runs.svg").write_text(picture(found["runs"]["results"]))
    print("\n" + ", ".join(str(folder / f"{name}.json") for name in chosen))
    if page and chosen == ["scale"]:
        write_scale(root, found["scale"])
    elif page:
        write_page(root, found)
    return 0
