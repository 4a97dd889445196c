"""./course prove: what takes longer than a test may."""
import csv
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from coursetool import build, cuda, exercise_proof, packages
from coursetool.bench import data_folder
from coursetool.errors import CourseError
from coursetool.shell import show


def resume(root: Path, preset: str) -> int:
    """A run that is killed at two hundred places ends as if it had not been."""
    seed = os.environ.get("COURSE_PROVE_SEED") or str(random.SystemRandom().randrange(2**31))
    print(f"resume: 200 places from the seed {seed} (COURSE_PROVE_SEED={seed} runs the same ones)", flush=True)
    packages.install(("build",))
    build.build(root, preset, "lit_tests")
    command = [build.folder(root, preset) / "bin" / "lit_tests", "--gtest_filter=Resumed.AKilledRunEndsAsIfItHadNotBeen"]
    show(command)
    return subprocess.run(command, check=False, env=os.environ | {"COURSE_PROVE_SEED": seed, "COURSE_PROVE_POINTS": "200"}).returncode


def fuzz(root: Path, preset: str) -> int:
    """Ten minutes of afl++ on each reader of files find nothing, nor do ten of random values in a checkpoint."""
    if shutil.which("afl-clang-fast++") is None:
        raise CourseError("./course prove fuzz needs afl++ with clang; on Debian: apt-get install afl++ clang pkg-config")
    command = [root / "tests/fuzz/run.sh", "600", build.folder(root, preset) / "fuzz"]
    show(command)
    if code := subprocess.run(command, check=False).returncode:
        return code
    packages.install(("build",))
    build.build(root, "asan", "fuzz_checkpoint")
    command = [build.folder(root, "asan") / "bin" / "fuzz_checkpoint", "--seconds", "600"]
    show(command)
    return subprocess.run(command, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode


def beside_python(root: Path, preset: str, python: str | None, *, proof: str, module: str, program: str, script: str) -> int:
    """A table of what a program of ours and Python do, made by a script that runs both."""
    words = shlex.split(python or "python3")
    if subprocess.run([*words, "-c", f"import {module}"], capture_output=True, check=False).returncode != 0:
        if python is None:
            print(f"{proof}: not run, since this python3 has no {module}; --python names another", flush=True)
            return 0
        raise CourseError(f"{python} does not import {module}, which ./course prove {proof} runs")
    packages.install(("build",))
    build.build(root, preset, program)
    command = [sys.executable, root / script, "--cpp", build.folder(root, preset) / "bin" / program, "--python", shlex.join(words)]
    show(command)
    return subprocess.run(command, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode


def border(root: Path, preset: str, python: str | None) -> int:
    """A run may be half of C++ and half of Python's Lightning: what follows is what it had been without."""
    return beside_python(root, preset, python, proof="border", module="lightning.pytorch", program="lit_border_run",
                         script="tests/lit/border/relay.py")


def metrics(root: Path, preset: str, python: str | None) -> int:
    """Metrics have the values of torchmetrics, in random cases of every class and option."""
    return beside_python(root, preset, python, proof="metrics", module="torchmetrics", program="lit_metrics_run",
                         script="tests/lit/metrics/table.py")


# Of the autoencoder on Fashion-MNIST, epoch by epoch: where Python's lie over seeds. Ours may be two per cent beside that.
AUTOENCODER = {"train_loss": ((0.0375, 0.0400), (0.0272, 0.0286), (0.0262, 0.0273)),
               "val_loss": ((0.0279, 0.0293), (0.0266, 0.0278), (0.0258, 0.0268))}


def lessons(root: Path, preset: str) -> int:
    """Step 12 on the whole data set: the classifier's accuracy and time, the autoencoder's losses with three seeds."""
    packages.install(("build", "bench"))
    failures = []
    with tempfile.TemporaryDirectory(prefix="course-prove-") as folder:

        def run(program: str, *words: str) -> tuple[str, float]:
            build.build(root, preset, program)
            command = [build.folder(root, preset) / "bin" / program, *words]
            show(command)
            start = time.monotonic()
            done = subprocess.run(command, check=True, capture_output=True, text=True,
                                  env=os.environ | {"COURSE_DATA": str(data_folder()), "COURSE_RUNS": folder})
            return done.stdout, time.monotonic() - start

        def expect(what: str, value: float, least: float, most: float) -> None:
            met = least <= value <= most
            print(f"{'ok    ' if met else 'FAILED'}  {what}: {value:g}, expected {least:g} to {most:g}", flush=True)
            if not met:
                failures.append(what)

        said, seconds = run("step12_train")
        expect("test accuracy of the classifier, per cent", float(re.search(r"test accuracy ([\d.]+) %", said)[1]), 90, 100)
        expect("seconds for all of it", round(seconds), 0, 120)
        for seed in ("0", "1", "2"):
            run("step12_autoencoder", f"seed={seed}")
            with Path(folder, "latest", "csv", "version_0", "metrics.csv").open(encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            for name, ranges in AUTOENCODER.items():
                values = [float(row[name]) for row in rows if row[name]]
                for epoch, (least, most) in enumerate(ranges):
                    expect(f"autoencoder, seed {seed}, {name} of epoch {epoch}", values[epoch], 0.98 * least, 1.02 * most)
    return 1 if failures else 0


def on_cuda(root: Path, preset: str, python: str | None, stand_in: str | None) -> int:
    """What needs a GPU; without one, it is said that it was not run."""
    if stand_in is None and not cuda.has_gpu():
        print("cuda: not run, since this machine has no NVIDIA GPU; --stand-in cpu tests its script", flush=True)
        return 0
    return cuda.prove(root, preset, stand_in, python)


PROOFS = {"exercises": exercise_proof.whole, "resume": resume, "fuzz": fuzz, "lessons": lessons, "border": border,
          "metrics": metrics, "cuda": on_cuda}
BESIDE_PYTHON = {"border", "metrics", "cuda"}  # those that run a Python of the user's


def main(root: Path, preset: str, names: list[str], python: str | None = None, stand_in: str | None = None) -> int:
    def run(name: str) -> int:
        if names == ["cuda"]:
            return cuda.prove(root, preset, stand_in, python)
        return PROOFS[name](root, preset, *([python] if name in BESIDE_PYTHON else []), *([stand_in] if name == "cuda" else []))
    return max(run(name) for name in names or PROOFS)
