"""What this machine has, what is wrong, and how to mend it."""
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from coursetool import build, data
from coursetool.packages import own_libtorch
from coursetool.shell import output, paint, show

MARKS = {"ok": ("✓", "32"), "warn": ("!", "33"), "bad": ("✗", "31")}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: ok, warn (lessons run, but worse) or bad (a lesson would stop)."""

    state: str
    what: str
    found: str
    remedy: str = ""


def main(root: Path, preset: str) -> int:
    """The verb `doctor`: prints the findings; 1 when one is bad."""
    findings = [*tools(), *machine(root)]
    stopped = [finding.what for finding in findings if finding.state == "bad"]
    findings += libtorch(root, preset, stopped)
    findings += data_sets(root)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark, code = MARKS[finding.state]
        print(f"{paint(mark, code)} {finding.what:{width}}  {finding.found}")
        if finding.remedy:
            print(f"{'':{width + 4}}{paint('→ ' + finding.remedy, '1')}")
    bad = [finding.what for finding in findings if finding.state == "bad"]
    print()
    print(f"These would stop a lesson: {', '.join(bad)}." if bad else "Nothing here would stop a lesson.")
    return 1 if bad else 0


def version_of(program: str) -> tuple[int, ...]:
    """The first dotted number that `program --version` prints; () when there is no such program."""
    code, text = output([program, "--version"])
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text) if code == 0 else None
    return tuple(int(part) for part in found.groups(default="0")) if found else ()


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def tools() -> list[Finding]:
    """Compiler, CMake, Ninja, and what makes builds faster."""
    findings = []
    compiler = os.environ.get("CXX") or "c++"
    code, text = output([compiler, "--version"])
    version = version_of(compiler)
    is_gnu = "clang" not in text
    if code or not version:
        findings.append(Finding("bad", "compiler", f"{compiler} was not found", "apt-get install g++"))
    elif is_gnu and version < (12,):
        findings.append(Finding("bad", "compiler", f"g++ {dotted(version)}, but C++20 needs 12 or newer",
                                "apt-get install g++-12 and CXX=g++-12 ./course run"))
    else:
        findings.append(Finding("ok", "compiler", f"{'g++' if is_gnu else 'clang'} {dotted(version)}"))
    cmake = version_of("cmake")
    if not cmake:
        findings.append(Finding("bad", "CMake", "not found", "apt-get install cmake"))
    elif cmake < (3, 25):
        findings.append(Finding("bad", "CMake", f"{dotted(cmake)}, but 3.25 or newer is needed",
                                "install a newer one, for example from cmake.org"))
    else:
        findings.append(Finding("ok", "CMake", dotted(cmake)))
    ninja = version_of("ninja")
    findings.append(Finding("ok", "Ninja", dotted(ninja)) if ninja else
                    Finding("bad", "Ninja", "not found", "apt-get install ninja-build"))
    for program, package in (("ccache", "ccache"), ("ld.lld", "lld")):
        there = shutil.which(program)
        findings.append(Finding("ok", program, there) if there else
                        Finding("warn", program, "not found; builds take longer", f"apt-get install {package}"))
    return findings


def machine(root: Path) -> list[Finding]:
    """Disk and memory."""
    free = shutil.disk_usage(root).free / 2**30
    findings = [Finding("ok", "disk", f"{free:.1f} GiB free") if free > 3 else
                Finding("warn" if free > 2 else "bad", "disk", f"{free:.1f} GiB free; a build takes about 2",
                        "make room, or rm -r build/ of presets you do not use")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    findings.append(Finding("ok", "memory", f"{memory:.1f} GiB") if memory > 3.5 else
                    Finding("warn", "memory", f"{memory:.1f} GiB; a compiler takes 1.4 GiB for a file with libtorch",
                            "build with one job: cmake --build --preset release -j 1"))
    return findings


def libtorch(root: Path, preset: str, stopped: list[str]) -> list[Finding]:
    """What only a program that runs with libtorch can know: builds and runs tools/probe."""
    there = build.folder(root, preset)
    if stopped:
        return [Finding("bad", "libtorch", f"not looked at, because of: {', '.join(stopped)}",
                        "mend that first, then ./course doctor again")]
    if not (there / "bin" / "course_probe").exists():
        print("Building a small program to look at libtorch; the first time takes a minute or two.", flush=True)
    code, text = 0, ""
    if command := build.configuring(root, preset):
        code, text = asked(command, root)
    if code == 0:
        code, text = asked(["cmake", "--build", "--preset", preset, "--target", "course_probe"], root)
    if code:
        remedy = "./course run installs it; or apt-get install libtorch-dev libopenblas0-openmp" \
            if "libtorch was not found" in text else "./course run shows the whole message; docs/faq.md knows many"
        why = said_by_cmake(text) or next((line.strip() for line in text.splitlines() if re.search(r"error|not found", line, re.I)),
                                           "it did not build")
        return [Finding("bad", "libtorch", why, remedy)]
    code, text = output([there / "bin" / "course_probe", "--json"])
    if code:
        return [Finding("bad", "libtorch", f"a program with it does not run: {text.strip().splitlines()[-1]}",
                        "see docs/faq.md: Running")]
    return judge(json.loads(text), there)


def said_by_cmake(text: str) -> str:
    """The sentences of the first error that stopped CMake, on one line."""
    found = re.search(r"CMake Error at [^\n]*:\n((?:  [^\n]*\n|\n(?=  ))+)", text)
    return re.sub(r"\s+", " ", found[1]).strip() if found else ""


def asked(command: list[str], root: Path) -> tuple[int, str]:
    """Shows a command and runs it without its output: its exit code, and what it printed."""
    show(command, root)
    return output(command, root)


def judge(facts: dict, there: Path) -> list[Finding]:
    """The findings that the probe's facts make."""
    torch, blas, threads = facts["torch"], facts["blas"], facts["threads"]
    cache = (there / "CMakeCache.txt").read_text(encoding="utf-8")
    origin = re.search(r"^COURSE_TORCH_ORIGIN:INTERNAL=(.*)$", cache, re.M)
    findings = [Finding("ok", "libtorch", f"{torch['version']} from {origin[1] if origin else 'somewhere'} ({torch['library']})")]
    findings.append(Finding("ok", "C++ ABI", "cxx11, as this compiler's") if torch["cxx11_abi"] else
                    Finding("bad", "C++ ABI", "the old one; nothing else on this machine links with it",
                            "take the build with cxx11-abi in its name; see docs/faq.md: std::__cxx11"))
    findings += cuda(torch, facts["driver"])
    speed = f"{blas['name']} ({blas['threading']}), 512x784x512 in {blas['milliseconds']:.1f} ms, {blas['gflops']:.0f} GFLOP/s"
    if not blas["optimised"]:
        findings.append(Finding("warn", "BLAS", f"{speed}: about 27 times slower than need be",
                                "apt-get install libopenblas0-openmp"))
    elif blas["threading"] == "pthread":
        findings.append(Finding("warn", "BLAS", f"{speed}: it does not follow libtorch's number of threads",
                                "apt-get install libopenblas0-openmp"))
    else:
        findings.append(Finding("ok", "BLAS", speed))
    passive = threads["omp_wait_policy"].lower() == "passive"
    found = f"{threads['chosen']} ({threads['reason']}); waiting {'asleep' if passive else threads['omp_wait_policy']}"
    findings.append(Finding("ok", "threads", found) if passive else
                    Finding("warn", "threads", f"{found}: a busy machine becomes very slow",
                            "unset OMP_WAIT_POLICY and GOMP_SPINCOUNT"))
    return findings


def cuda(torch: dict, driver: dict) -> list[Finding]:
    """The GPUs, their driver, and what of CUDA this libtorch has: whether these fit together."""
    findings = [] if driver["gpus"] else [Finding("ok", "GPU", f"none: {driver['trouble']}")]
    for index, gpu in enumerate(driver["gpus"]):
        name = f"GPU {index}" if len(driver["gpus"]) > 1 else "GPU"
        major, minor = gpu["capability"]
        found = f"{gpu['name']}, {gpu['bytes'] / 2**30:.1f} GiB, compute capability {major}.{minor}"
        if torch["cuda_built"] and not has_code_for((major, minor), torch["architectures"]):
            findings.append(Finding("bad", name, f"{found}; this libtorch has no code for it, only for {', '.join(torch['architectures'])}",
                                    "take a newer libtorch, or an older one for an old GPU, or --device cpu"))
        else:
            findings.append(Finding("ok", name, found))
    if not torch["cuda_built"]:
        there = bool(driver["gpus"])
        return [*findings, Finding("warn" if there else "ok", "CUDA", f"not used: {torch['cuda_why_not']}",
                                   "to use the GPU give a libtorch with CUDA: COURSE_TORCH_FROM_PYTHON=python3 ./course run" if there else "")]
    parts = [f"{name} {version}" for name, version in (("cuDNN", torch["cudnn"]), ("NCCL", torch["nccl"])) if version]
    built = "; ".join([f"built in, {torch['cuda'] or 'of an unknown version'}", *parts])
    if driver["trouble"]:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        remedy = f"CUDA_VISIBLE_DEVICES is '{hidden}': unset it" if hidden is not None and driver["version"] else \
            "install the driver from your distribution or nvidia.com, and look at what nvidia-smi says"
        findings.append(Finding("warn", "CUDA", f"{built}; not used: {driver['trouble']}", remedy))
    elif older(driver["version"], torch["cuda"]):
        findings.append(Finding("bad", "CUDA", f"{built}; but the driver is of CUDA {driver['version']}, which is older",
                                f"install a newer driver, or a libtorch for CUDA {driver['version']}"))
    else:
        state = "ok" if torch["cuda_available"] else "bad"
        findings.append(Finding(state, "CUDA", f"{built}; the driver is of CUDA {driver['version']}"
                                + ("" if torch["cuda_available"] else f"; not used: {torch['cuda_why_not']}"),
                                "" if torch["cuda_available"] else "see docs/faq.md: CUDA"))
    compiler = nvcc_version()
    if not compiler:
        findings.append(Finding("warn", "CUDA toolkit", "nvcc was not found, which CMake asks for when it meets a libtorch with CUDA",
                                f"install the toolkit of CUDA {torch['cuda']}, and put its bin folder on PATH"))
    elif torch["cuda"] and compiler.split(".")[0] != torch["cuda"].split(".")[0]:
        findings.append(Finding("warn", "CUDA toolkit", f"{compiler}, but libtorch was built with {torch['cuda']}",
                                f"where configuring fails, install the toolkit of CUDA {torch['cuda']}"))
    else:
        findings.append(Finding("ok", "CUDA toolkit", compiler))
    return findings


def has_code_for(capability: tuple[int, int], architectures: list[str]) -> bool:
    """Does a library with code for these ("sm_90"; "compute_90" is for all newer ones) run on such a GPU?"""
    for name in architectures:
        kind, _, number = name.partition("_")
        built = divmod(int(number), 10)
        if kind == "sm" and built[0] == capability[0] and built[1] <= capability[1] or kind == "compute" and built <= capability:
            return True
    return not architectures  # a libtorch that does not tell


def older(driver: str, built: str) -> bool:
    """Is the driver of an older major version than the one that libtorch was built with? Within one, all fit."""
    return bool(driver and built) and int(driver.split(".")[0]) < int(built.split(".")[0])


def nvcc_version() -> str:
    """The toolkit's version: 13.0; "" without one."""
    for program in ("nvcc", "/usr/local/cuda/bin/nvcc"):
        code, text = output([program, "--version"])
        if code == 0 and (found := re.search(r"release (\d+\.\d+)", text)):
            return found[1]
    return ""


def data_sets(root: Path) -> list[Finding]:
    """The data set the lessons would use, and Python's torch for the comparison."""
    complete = [(folder, why) for state, folder, why in data.report(root) if state == "complete" and "--data-dir" not in why]
    if not complete:
        findings = [Finding("bad", "data", "no data set is complete, not even the sample that ships with the course",
                            "git checkout common/data/sample, or ./course data fashion-mnist")]
    elif "sample" in complete[0][1]:
        findings = [Finding("warn", "data", f"only {complete[0][1]}",
                            "apt-get install dataset-fashion-mnist, or ./course data fashion-mnist")]
    else:
        findings = [Finding("ok", "data", f"{complete[0][0]} ({complete[0][1]})")]
    if os.environ.get("COURSE_DATA") and (not complete or complete[0][1] != "$COURSE_DATA"):
        findings.append(Finding("bad", "COURSE_DATA", f"{os.environ['COURSE_DATA']} is not a complete data set",
                                "unset COURSE_DATA, or name a folder that holds the four files"))
    for python in ("python3", "/usr/bin/python3"):
        code, text = output([python, "-c", "import torch; print(torch.__version__)"])
        if code == 0:
            findings.append(Finding("ok", "Python's torch", f"{text.strip()} ({python}), for the tests that compare"))
            break
    else:
        findings.append(Finding("ok", "Python's torch", "not there; the tests that compare with Python are skipped",
                                "" if own_libtorch() else "apt-get install python3-torch"))
    return findings
