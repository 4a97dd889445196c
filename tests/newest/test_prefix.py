"""Builds with a made-up libtorch in the form of the newest: it configures, fmt is the system's, remove_all works."""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from coursetool.packages import OWN_LIBTORCH
from tests.newest.made_up import ROOT, make_torch

# Somebody's project around ours: its program calls what libtorch has a copy of, and names nothing of ours.
PROJECT = """cmake_minimum_required(VERSION 3.25)
project(somebody LANGUAGES CXX)
add_subdirectory(${COURSE} course)
add_executable(program program.cpp)
target_link_libraries(program PRIVATE course_base)
"""
PROGRAM = """#include <filesystem>
extern "C" int made_up();
int main(int, char** words) { return made_up() == 1 && std::filesystem::remove_all(words[1]) == 2 ? 0 : 1; }
"""


class Newest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="course-newest-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.torch = self.folder / "torch"

    def run_it(self, *command: object) -> subprocess.CompletedProcess:
        environment = {key: value for key, value in os.environ.items() if key not in (*OWN_LIBTORCH, "LD_PRELOAD")}
        return subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True, check=False)

    def configure(self, source: Path, *more: object) -> subprocess.CompletedProcess:
        return self.run_it("cmake", "-S", source, "-B", self.folder / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                           f"-DCMAKE_PREFIX_PATH={self.torch}", *more)

    def build(self, target: str) -> None:
        done = self.run_it("cmake", "--build", self.folder / "build", "--target", target)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:])

    def somebody(self, *more: object) -> subprocess.CompletedProcess:
        """Configures the project of somebody who takes the library as a part."""
        outside = self.folder / "somebody"
        outside.mkdir()
        (outside / "CMakeLists.txt").write_text(PROJECT, encoding="utf-8")
        (outside / "program.cpp").write_text(PROGRAM, encoding="utf-8")
        return self.configure(outside, f"-DCOURSE={ROOT}", *more)

    def test_all_of_it(self):
        make_torch(self.torch)
        done = self.somebody()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("libtorch 2.11.0 from CMAKE_PREFIX_PATH", done.stdout)
        self.assertEqual(done.stderr, "", "no warning: remove_all was tried, and works")
        self.build("course_pch")  # it includes fmt behind libtorch
        self.build("program")
        self.assertRegex(self.run_it("readelf", "-d", self.folder / "build/program").stdout, r"NEEDED.*libtorch",
                         "a libtorch that is not loaded would prove nothing")
        tree = self.folder / "tree"
        tree.mkdir()
        (tree / "file").touch()
        self.assertEqual(self.run_it(self.folder / "build/program", tree).returncode, 0, "the system's remove_all was called")
        self.assertFalse(tree.exists())

    def test_a_linker_that_puts_libtorch_first_is_told_of(self):
        make_torch(self.torch)
        first = f"-Wl,--no-as-needed,{self.torch}/lib/libtorch.so,-rpath,{self.torch}/lib"
        done = self.somebody(f"-DCMAKE_EXE_LINKER_FLAGS={first}")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = re.sub(r"\s+", " ", done.stderr)
        self.assertIn("crashes in std::filesystem::remove_all", said)
        self.assertIn("LD_PRELOAD=libstdc++.so.6", said)

    def test_the_torch_of_a_python(self):
        make_torch(self.torch)
        python, conda = self.folder / "python", self.folder / "conda"
        nothing = self.folder / "nothing"
        for what, places in (("a wheel", f"{self.torch}/share/cmake;/usr"), ("conda", f"{nothing};{conda}"), ("a distribution", f"{nothing};/usr")):
            if what == "conda":
                (conda / "conda-meta").mkdir(parents=True)
                for name in ("include", "lib", "share"):
                    (conda / name).symlink_to(self.torch / name)
            python.write_text(f"#!/bin/sh\necho '{places}'\n", encoding="utf-8")
            python.chmod(0o755)
            done = self.run_it("cmake", "--fresh", "-S", ROOT, "-B", self.folder / "build", "-G", "Ninja", f"-DCOURSE_TORCH_FROM_PYTHON={python}")
            if what == "a distribution":
                self.assertEqual(done.returncode, 1)
                self.assertIn("brings no CMake files", done.stderr)
            else:
                self.assertIn(f"libtorch 2.11.0 from the torch of {python}", done.stdout, what)

    def test_another_one_in_the_same_folder(self):
        """What is named now wins over what was found before; where nothing is named any more, that stays."""
        other = self.folder / "other"
        for prefix in (self.torch, other):
            make_torch(prefix)
        done = self.configure(ROOT)
        self.assertIn(f"libtorch 2.11.0 from CMAKE_PREFIX_PATH ({self.torch}/", done.stdout)
        again = self.run_it("cmake", "-S", ROOT, "-B", self.folder / "build", "-UCMAKE_PREFIX_PATH")
        self.assertIn(f"libtorch 2.11.0 from CMAKE_PREFIX_PATH ({self.torch}/", again.stdout, "nothing is named any more")
        done = self.run_it("cmake", "-S", ROOT, "-B", self.folder / "build", f"-DTorch_DIR={other}/share/cmake/Torch")
        self.assertIn(f"libtorch 2.11.0 from Torch_DIR ({other}/", done.stdout)
        self.assertIn(f"{other}/lib/libtorch.so", (self.folder / "build/build.ninja").read_text(encoding="utf-8"))
        self.assertNotIn(f"{self.torch}/lib", (self.folder / "build/build.ninja").read_text(encoding="utf-8"))

    def test_names_of_nothing_and_halves(self):
        done = self.configure(ROOT, "-DTorch_DIR=/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Torch_DIR is /nowhere, but there is no TorchConfig.cmake in it", re.sub(r"\s+", " ", done.stderr))
        done = self.configure(ROOT, "--fresh", "-DCOURSE_TORCH_FROM_PYTHON=/nowhere/python")
        self.assertIn("COURSE_TORCH_FROM_PYTHON=/nowhere/python does not import torch: No such file or directory. Name",
                      re.sub(r"\s+", " ", done.stderr))
        make_torch(self.torch)
        config = self.torch / "share/cmake/Torch/TorchConfig.cmake"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("${_prefix}/lib/lib${name}.so", "/usr/lib/elsewhere/lib${name}.so"), encoding="utf-8")
        done = self.configure(ROOT, "--fresh")
        self.assertIn("would be linked with /usr/lib/elsewhere/libtorch.so, which is another one's", re.sub(r"\s+", " ", done.stderr))
        config.write_text(text + "if(", encoding="utf-8")
        self.assertIn("damaged. Unpack or install it again", re.sub(r"\s+", " ", self.configure(ROOT, "--fresh").stderr))

    def test_bad_versions(self):
        for number, (text, expected) in enumerate((
                ("// nothing\n", "does not say its version: neither torch/version.h nor torch/headeronly/version.h defines"),
                ("#define TORCH_VERSION_MAJOR 1\n#define TORCH_VERSION_MINOR 9\n#define TORCH_VERSION_PATCH 1\n",
                 "libtorch 1.13 or newer is needed, but the one in"))):
            self.torch = self.folder / f"torch{number}"
            make_torch(self.torch, version=text)
            done = self.configure(ROOT, "--fresh")
            self.assertEqual(done.returncode, 1)
            self.assertIn(expected, re.sub(r"\s+", " ", done.stderr))


if __name__ == "__main__":
    unittest.main()
