"""The trainer library in projects of others: by find_package after an install, and by add_subdirectory."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("COURSE_BUILD", ROOT / "build/release"))
RELEASE = ("-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG")


class Outside(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lit-outside-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_it(self, *command: object) -> str:
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                                cwd=self.folder)
        self.assertEqual(result.returncode, 0, f"{command}\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
        return result.stdout

    def build_and_run(self, *options: str) -> None:
        build = self.folder / "build"
        # Headers of the project's own, by names that ours have, too: none of ours may find them.
        for name in ("error.h", "nearest.h", "serialize/value.h", "data/in_memory_loader.h", "device/device.h", "terminal/interrupt.h"):
            header = self.folder / "own" / name
            header.parent.mkdir(parents=True, exist_ok=True)
            header.write_text(f'#error "{name} of the project itself"\n', encoding="utf-8")
        self.run_it("cmake", "-S", ROOT / "tests/lit/outside", "-B", build, *RELEASE, f"-DCMAKE_CXX_FLAGS=-I{self.folder / 'own'}", *options)
        self.run_it("cmake", "--build", build, "--target", "outside")
        program = next(path for path in (build / "outside", build / "bin/outside") if path.exists())
        output = self.run_it(program)
        self.assertTrue(output.endswith("slope 3, intercept -1\n"), output)
        self.assertIn("2         Trainable params\n", output)
        self.assertEqual(len(list(self.folder.glob("lightning_logs/version_0/checkpoints/*.ckpt"))), 1, "one is kept, by default")

    def test_installed(self):
        prefix = self.folder / "prefix"
        self.run_it("cmake", "--install", BUILD, "--prefix", prefix, "--component", "LitTorch")
        installed = {path.relative_to(prefix).as_posix() for path in prefix.rglob("*") if path.is_file()}
        self.assertIn("include/lit/lit.h", installed)
        self.assertEqual({name for name in installed if name.endswith((".h", ".def")) and not name.startswith("include/lit/")}, set())
        for header in prefix.rglob("*.h"):
            self.assertNotRegex(header.read_text(encoding="utf-8"), r"#include <(spdlog|fmt|nlohmann|toml)", header)
        self.assertFalse([path for path in installed if path.endswith((".cpp", ".gz"))])
        for config in prefix.rglob("*.cmake"):
            self.assertNotIn(str(ROOT), config.read_text(encoding="utf-8"), "an installed package knows nothing of this folder")
        self.build_and_run(f"-DCMAKE_PREFIX_PATH={prefix}")

    def test_with_another_libtorch(self):
        """One sentence with both versions, and no link error an hour later."""
        prefix, torch = self.folder / "prefix", self.folder / "torch"
        self.run_it("cmake", "--install", BUILD, "--prefix", prefix, "--component", "LitTorch")
        for name, text in {"TorchConfig.cmake": f"set(TORCH_INCLUDE_DIRS {torch}/include)\nset(Torch_FOUND TRUE)\n",
                           "include/torch/version.h": "#define TORCH_VERSION_MAJOR 9\n#define TORCH_VERSION_MINOR 8\n#define TORCH_VERSION_PATCH 7\n"}.items():
            (torch / name).parent.mkdir(parents=True, exist_ok=True)
            (torch / name).write_text(text, encoding="utf-8")
        result = subprocess.run(["cmake", "-S", ROOT / "tests/lit/outside", "-B", self.folder / "build", *RELEASE, f"-DCMAKE_PREFIX_PATH={prefix}",
                                 f"-DTorch_DIR={torch}"], capture_output=True, text=True, check=False)
        self.assertNotEqual(result.returncode, 0)
        said = " ".join(result.stderr.split())
        self.assertIn(f"it was built with libtorch {os.environ['COURSE_TORCH_VERSION']}, but the libtorch of this project is 9.8.7", said)
        self.assertIn("Build and install LitTorch with that libtorch", said)

    def test_as_a_part_of_another_build(self):
        self.build_and_run(f"-DLIT_SOURCE_DIR={ROOT}", "-DCMAKE_CXX_FLAGS_RELEASE=-O0")  # the whole library: optimized it takes twice as long


if __name__ == "__main__":
    unittest.main()
