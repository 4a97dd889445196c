"""A libtorch that does not exist, in the form of the newest wheels: what their package brings besides libtorch."""
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

VERSION = """#define TORCH_VERSION_MAJOR 2
#define TORCH_VERSION_MINOR 11
#define TORCH_VERSION_PATCH 0
"""
# libtorch carries parts of the C++ library that it was built with, and exports them; for others they do not work.
LIBRARY = """#include <cstdlib>
#include <filesystem>
extern "C" int made_up() { return 1; }
std::uintmax_t std::filesystem::remove_all(const std::filesystem::path&) { std::abort(); }
"""


def make_torch(prefix: Path, version: str = VERSION, fmt: str = "#error libtorch's own fmt is found before the system's\n") -> None:
    """Writes and builds it below `prefix`."""
    files = {"torch/version.h": "#include <torch/headeronly/version.h>\n", "torch/headeronly/version.h": version,
             "torch/csrc/api/include/torch/torch.h": "#pragma once\n#include <torch/version.h>\n",
             **{f"fmt/{name}.h": fmt for name in ("args", "base", "chrono", "core", "format", "ranges")}}
    for name, text in files.items():
        path = prefix / "include" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (prefix / "share/cmake/Torch").mkdir(parents=True)
    shutil.copy(ROOT / "tools/headers/TorchConfig.cmake", prefix / "share/cmake/Torch")
    (prefix / "lib").mkdir()
    (prefix / "library.cpp").write_text(LIBRARY, encoding="utf-8")
    for name in ("c10", "torch_cpu", "torch"):
        library = prefix / f"lib/lib{name}.so"
        subprocess.run(["c++", "-std=c++20", "-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-o", library, prefix / "library.cpp"],
                       check=True)
