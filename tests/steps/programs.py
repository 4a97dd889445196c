"""Runs the lessons' programs for the tests: the canonical run, with a seed and the shipped subset."""
import os
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("COURSE_BIN", ROOT / "build" / "release" / "bin"))
SAMPLE = ROOT / "common" / "data" / "sample"


# Where programs under test make their run folders, gone when the tests end.
RUNS = tempfile.TemporaryDirectory(prefix="course-runs-")


def canonical_environment() -> dict[str, str]:
    """One thread and fixed code paths, so that two runs of one machine agree to the last bit."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COURSE_")}
    environment.update(OMP_NUM_THREADS="1", ATEN_CPU_CAPABILITY="avx2", OPENBLAS_CORETYPE="Haswell", ONEDNN_MAX_CPU_ISA="AVX2",
                       COURSE_SEED="0", COURSE_DATA=str(SAMPLE), COURSE_RUNS=RUNS.name, COLUMNS="80", LC_ALL="C.UTF-8")
    return environment


def run(command: list[str], **changes: str) -> subprocess.CompletedProcess:
    """Runs a command in the canonical environment, changed by `changes`."""
    return subprocess.run(command, env=canonical_environment() | changes, capture_output=True,
                          encoding="utf-8", timeout=600, check=False)


def program(name: str, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    """Runs the program step04_main, step00_problem ... of the build under test."""
    return run([str(BIN / name), *arguments], **changes)
