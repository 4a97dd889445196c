"""The Debian packages the course needs, what each group is for, and how what is missing gets installed."""
import os
import shutil
import sys

from coursetool.errors import CourseError
from coursetool.shell import output, run

GROUPS = {
    "build": ("g++", "cmake", "ninja-build", "ccache", "lld", "git", "ca-certificates", "libtorch-dev",
              "libopenblas0-openmp", "libcxxopts-dev", "libtomlplusplus-dev", "nlohmann-json3-dev",
              "libspdlog-dev", "libstb-dev", "zlib1g-dev", "libgtest-dev", "libgmock-dev"),
    "data": ("dataset-fashion-mnist",),
    "bench": ("libbenchmark-dev", "python3-torch", "dataset-fashion-mnist"),
    "test": ("clang-format", "python3-torch"),
}
# Left out when the user brings a libtorch: its BLAS comes with it.
OF_THE_DISTRIBUTION = ("libtorch-dev", "libopenblas0-openmp", "python3-torch")
OWN_LIBTORCH = ("CMAKE_PREFIX_PATH", "Torch_DIR", "COURSE_TORCH_FROM_PYTHON")
# Without Debian's packages these programs must be there; the rest CMake finds, fetches, or names.
PROGRAMS = {"cmake": "CMake 3.25 or newer", "ninja": "Ninja", "git": "git"}


def own_libtorch() -> bool:
    """Does the environment name a libtorch of the user's own?"""
    return any(os.environ.get(name) for name in OWN_LIBTORCH)


def wanted(groups: tuple[str, ...]) -> list[str]:
    """The packages of these groups that this machine should have."""
    names = [name for group in groups for name in GROUPS[group]]
    return [name for name in names if not (own_libtorch() and name in OF_THE_DISTRIBUTION)]


def missing(names: list[str]) -> list[str]:
    """Those that are not installed."""
    _, listing = output(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names])
    installed = {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def apt(*arguments: str) -> None:
    """Runs apt-get, as root."""
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    run([*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *arguments])


def install(groups: tuple[str, ...]) -> None:
    """Installs what is missing of these groups; where there is no apt-get, says what is."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        absent = [f"{program} ({what})" for program, what in PROGRAMS.items() if shutil.which(program) is None]
        if not any(map(shutil.which, filter(None, (os.environ.get("CXX"), "c++", "g++", "clang++")))):
            absent.append("g++ (12 or newer)")
        if absent:
            raise CourseError(f"this machine lacks {', '.join(absent)}; install it with your system's package manager")
        return
    names = missing(wanted(groups))
    if not names:
        return
    if os.environ.get("COURSE_NO_INSTALL"):
        print(f"not installed: {' '.join(names)} (COURSE_NO_INSTALL is set)", file=sys.stderr)
        return
    apt("update", "-q")
    optional = [name for name in names if name in GROUPS["data"]]
    needed = [name for name in names if name not in optional]
    if needed:
        apt("install", "-y", "-q", "--no-install-recommends", *needed)
    for name in optional:
        try:
            apt("install", "-y", "-q", "--no-install-recommends", name)
        except CourseError:
            print(f"{name} could not be installed; the lessons use the small sample that ships with them",
                  file=sys.stderr)
