"""The canonical run, which pages and expected output come from: its environment, its machine, its spelling of paths."""
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

SAMPLE = Path("common/data/sample")

# What may change a program's numbers or its looks, and is not part of the canonical run.
_LEFT_OUT = re.compile(r"(COURSE|OMP|GOMP|KMP|MKL|OPENBLAS|ATEN|DNNL|ONEDNN|TORCH|PYTORCH|CLICOLOR|LC)_.*|COLORTERM|FORCE_COLOR")


def environment(root: Path) -> dict[str, str]:
    """The environment of the canonical run: one thread, fixed code paths and seed, the shipped subset.

    libtorch, OpenBLAS and oneDNN each choose their kernels by the processor, and with them how sums are rounded.
    """
    kept = {key: value for key, value in os.environ.items() if not _LEFT_OUT.fullmatch(key)}
    return kept | {"OMP_NUM_THREADS": "1", "ATEN_CPU_CAPABILITY": "avx2", "OPENBLAS_CORETYPE": "Haswell",
                   "ONEDNN_MAX_CPU_ISA": "AVX2", "COURSE_SEED": "0", "COURSE_DATA": str(root / SAMPLE), "COLUMNS": "80", "LC_ALL": "C.UTF-8"}


# A bar in a pipe tells how far it is every ten seconds: "Epoch 0/5   45 %  190/422  19 batches/s  12 s left".
_ON_THE_WAY = re.compile(r".*  \d+ %  .*\d [a-z]+/s(?:  .* left)?")


def tidy(output: str, root: Path, build: Path) -> str:
    """Output as it can stand in a page: paths below the repository's root, no spaces at line ends, and of a bar its last line."""
    for folder, name in ((build, "build/release"), (root, "")):
        for spelling in dict.fromkeys((str(folder), str(folder.resolve()))):
            behind = re.escape(spelling) + (r"(?![\w.+-])" if name else r"(?:/|(?![\w.+-]))")
            output = re.sub(rf"(?<![\w/.+-]){behind}", lambda match: name or ("" if match[0].endswith("/") else "."), output)
    lines = [line.rstrip() for line in output.splitlines() if not _ON_THE_WAY.fullmatch(line.rstrip())]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Machine:
    """Whether bits are equal here to those of the canonical machine, and why they may not be."""

    canonical: bool
    reason: str = ""  # "libtorch 2.6 instead of 1.13"


def examine(build: Path) -> Machine:
    """This machine, with the libtorch that `build` was configured for.

    Canonical is Debian 12's libtorch 1.13 with OpenBLAS on an x86-64 with AVX2.
    """
    cache = _cache(build)
    version = ".".join(cache.get("COURSE_TORCH_VERSION", "").split(".")[:2])
    if platform.machine() not in ("x86_64", "AMD64"):
        return Machine(False, f"a processor of kind {platform.machine()} instead of x86-64")
    if "avx2" not in _processor_flags():
        return Machine(False, "a processor without AVX2")
    if not version:
        return Machine(False, f"no libtorch version is known for {build}")
    if version != "1.13":
        return Machine(False, f"libtorch {version} instead of 1.13")
    origin = cache.get("COURSE_TORCH_ORIGIN", "")
    if not origin.startswith("the distribution"):
        return Machine(False, f"a libtorch from {origin or 'elsewhere'} instead of the distribution's")
    blas = os.path.realpath("/etc/alternatives/libblas.so.3-x86_64-linux-gnu")
    if "openblas" not in blas:
        return Machine(False, f"the BLAS {blas} instead of OpenBLAS")
    return Machine(True)


def _cache(build: Path) -> dict[str, str]:
    try:
        text = (build / "CMakeCache.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(re.findall(r"^([A-Za-z_]\w*):[A-Z]+=(.*)$", text, re.MULTILINE))


def _processor_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return set(flags[1].split()) if flags else set()
