"""Every C++ file is as clang-format 14 makes it; skipped where another version is installed."""
import re
import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def clang_format() -> str | None:
    """A clang-format of version 14, if there is one."""
    for name in ("clang-format-14", "clang-format"):
        if shutil.which(name):
            version = subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout
            if re.search(r"version 14\.", version):
                return name
    return None


def sources() -> list[Path]:
    """The project's own C++ files."""
    return [path for folder in ("benchmarks", "common", "tests", "tools", *(step.name for step in ROOT.glob("step[0-9][0-9]_*")))
            for path in sorted((ROOT / folder).rglob("*")) if path.suffix in (".h", ".cpp")]


class Calls(unittest.TestCase):
    def test_remove_all_is_not_called(self):
        """Some libtorchs bring a copy of it that crashes (cmake/CourseBorders.cmake); course::remove_tree() does the same."""
        calls = [f"{path.relative_to(ROOT)}: {line.strip()}" for path in sources() for line in path.read_text(encoding="utf-8").splitlines()
                 if re.search(r"(filesystem|fs)::remove_all\(\w", line)]
        self.assertEqual(calls, [])


@unittest.skipUnless(clang_format(), "clang-format 14 is not installed")
class Format(unittest.TestCase):
    def test_every_file(self):
        files = [str(path) for path in sources()]
        self.assertGreater(len(files), 40)
        result = subprocess.run([clang_format(), "--dry-run", "-Werror", *files], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, f"run clang-format -i on these:\n{result.stderr[:2000]}")


if __name__ == "__main__":
    unittest.main()
