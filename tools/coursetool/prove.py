"""./course prove: what takes longer than a test may."""
import os
import random
import shutil
import subprocess
from pathlib import Path

from coursetool import build, packages
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
    """Ten minutes of afl++ on the reader of checkpoints find nothing."""
    if shutil.which("afl-clang-fast++") is None:
        raise CourseError("./course prove fuzz needs afl++ with clang; on Debian: apt-get install afl++ clang")
    command = [root / "tests/fuzz/run.sh", "600", build.folder(root, preset) / "fuzz"]
    show(command)
    return subprocess.run(command, check=False).returncode


PROOFS = {"resume": resume, "fuzz": fuzz}


def main(root: Path, preset: str, names: list[str]) -> int:
    return max(PROOFS[name](root, preset) for name in names or PROOFS)
