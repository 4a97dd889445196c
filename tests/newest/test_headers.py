"""tools/syntax_check: finds what does not compile with other headers, and looks at every file."""
import subprocess
import tempfile
import unittest
from pathlib import Path

from tests.newest.made_up import ROOT, make_torch

# A project of its own; and what is built only where Google Benchmark is installed.
ELSEWHERE = ("tests/lit/outside/", "benchmarks/pieces.cpp")


class SyntaxCheck(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="course-syntax-")))
        make_torch(cls.folder / "torch")

    def check(self, headers: Path, *more: object) -> subprocess.CompletedProcess:
        return subprocess.run([ROOT / "tools/syntax_check", headers, "--build", self.folder / "build", *map(str, more)],
                              capture_output=True, text=True, check=False)

    def test_a_folder_without_headers(self):
        done = self.check(self.folder)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn("holds no headers of libtorch: torch/csrc/api/include/torch/torch.h is not there", done.stderr)

    def test_what_compiles_and_what_does_not(self):
        headers = self.folder / "torch/include"
        done = self.check(headers, "--only", "common/plot/markup.cpp")  # it takes nothing of libtorch
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"^libtorch 2.11.0 headers\n1 file .*, 0 with errors or warnings")
        done = self.check(headers, "--only", "tools/probe")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?ms)^tools/probe/probe.cpp:\n.*fatal error: torch/types.h")
        self.assertRegex(done.stdout, "1 file .*, 1 with errors or warnings")

    def test_every_file_is_looked_at(self):
        done = self.check(self.folder / "torch/include", "--list")
        listed = set(done.stdout.splitlines()[1:])
        there = {str(path.relative_to(ROOT)) for folder in ("benchmarks", "common", "tests", "tools", *(step.name for step in ROOT.glob("step[0-9][0-9]_*")))
                 for path in (ROOT / folder).rglob("*.cpp")}
        self.assertEqual({name for name in there - listed if not name.startswith(ELSEWHERE) and "/exercises/" not in name}, set())
        self.assertEqual({name for name in there - listed if name.endswith("/check.cpp")}, set(), "exercises have their solutions")


if __name__ == "__main__":
    unittest.main()
