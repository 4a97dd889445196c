"""The front door, with stand-ins for apt-get, cmake and ctest: what is installed, built and answered, and when."""
import os
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

from coursetool.packages import GROUPS

ROOT = Path(__file__).resolve().parents[2]


class Course(unittest.TestCase):
    """Runs ./course in front of a folder of fake programs that write down how they were called."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.log = self.folder / "log"

    def fake(self, name: str, script: str = "") -> None:
        path = self.bin / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >> {self.log}\n{textwrap.dedent(script)}\n', encoding="utf-8")
        path.chmod(0o755)

    def course(self, *arguments: str, where: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
        variables = {key: value for key, value in os.environ.items()
                     if not key.startswith("COURSE_") and key not in ("CMAKE_PREFIX_PATH", "Torch_DIR", "PYTHONPATH")}
        variables.update({"PATH": f"{self.bin}:{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "80"} | environment)
        return subprocess.run([ROOT / "course", *arguments], cwd=where or self.folder, env=variables,
                              capture_output=True, text=True, timeout=60, check=False)

    def called(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def test_overview_names_every_verb(self):
        result = self.course()
        self.assertEqual(result.returncode, 0)
        for verb in ("run", "test", "list", "diff", "data", "doctor", "docs"):
            self.assertRegex(result.stdout, rf"(?m)^  {verb}\b")
            self.assertEqual(self.course(verb, "--help").returncode, 0)

    def test_unknown_words_get_a_short_answer_and_2(self):
        for words, message in ((("tset",), "no verb 'tset' (did you mean 'test'?)"),
                               (("run", "99"), "there is no step '99'"),
                               (("run", "00/f_teta"), "did you mean 'f_theta'?"),
                               (("run", "05", "--epochs", "1"), "./course run 05 -- --epochs 1"),
                               (("run", "04", "05"), "takes one step, not 2"),
                               (("diff", "03"), "takes two steps"),
                               (("list", "all"), "takes nothing, not 'all'"),
                               (("data", "fashion-minst"), "did you mean 'fashion-mnist'?"),
                               (("run", "--preset", "relase"), "did you mean 'release'?"),
                               (("test", "--verbose"), "has no flag --verbose")):
            result = self.course(*words)
            self.assertEqual((result.returncode, result.stdout), (2, ""), words)
            self.assertIn(message, result.stderr)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)

    def test_list_fits_the_terminal(self):
        for columns in ("80", "60"):
            result = self.course("list", COLUMNS=columns)
            self.assertEqual(result.returncode, 0)
            self.assertIn("step05_evaluation", result.stdout)
            longest = max(result.stdout.splitlines()[:-1], key=len)
            self.assertLessEqual(len(longest), int(columns), longest)

    def test_diff_shows_the_plain_command_and_no_region_marks(self):
        result = self.course("diff", "03", "04")
        self.assertEqual(result.returncode, 0)
        self.assertIn("+ ", result.stderr)
        self.assertIn("git diff --no-index -M -C step03_model step04_train_loop", result.stderr)
        self.assertIn("+    optimizer.zero_grad();", result.stdout)
        self.assertNotIn("region", result.stdout)

    def test_works_through_a_link_from_elsewhere(self):
        link = self.folder / "linked"
        link.symlink_to(ROOT / "course")
        result = subprocess.run([link, "list"], cwd="/", capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("step00_problem", result.stdout)

    def install(self, groups: str, installed: str, **environment: str) -> subprocess.CompletedProcess:
        """packages.install() alone: the rest of `run` would build for real."""
        self.fake("apt-get")
        self.fake("sudo", '"$@"')
        self.fake("dpkg-query", f'for name in {installed}; do echo "$name installed"; done')
        code = f"from coursetool import packages; packages.install({groups})"
        variables = {key: value for key, value in os.environ.items()
                     if not key.startswith("COURSE_") and key not in ("CMAKE_PREFIX_PATH", "Torch_DIR")}
        variables.update(PATH=f"{self.bin}:{os.environ['PATH']}", PYTHONPATH=str(ROOT / "tools"), NO_COLOR="1",
                         **environment)
        return subprocess.run(["python3", "-c", code], env=variables, capture_output=True, text=True, check=False)

    def test_installs_only_what_is_missing(self):
        result = self.install("('build',)", " ".join(set(GROUPS["build"]) - {"libopenblas0-openmp"}))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("apt-get update -q\n", self.called())
        self.assertIn("apt-get install -y -q --no-install-recommends libopenblas0-openmp\n", self.called())
        self.assertIn("+ ", result.stderr)

    def test_installs_nothing_when_nothing_is_missing(self):
        result = self.install("('data',)", "dataset-fashion-mnist")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertNotIn("apt-get", self.called())

    def test_a_libtorch_of_ones_own_leaves_the_distributions_out(self):
        self.install("('build',)", "g++", COURSE_TORCH_FROM_PYTHON="python3")
        self.assertIn("libcxxopts-dev", self.called().split("install", 2)[-1])
        self.assertNotIn("libtorch-dev", self.called().split("apt-get install")[1])
        self.assertNotIn("openblas", self.called().split("apt-get install")[1])

    def test_told_to_install_nothing(self):
        result = self.install("('data',)", "g++", COURSE_NO_INSTALL="1")
        self.assertEqual(result.returncode, 0)
        self.assertIn("not installed: dataset-fashion-mnist", result.stderr)
        self.assertNotIn("apt-get", self.called())

    def test_a_data_set_that_cannot_be_had_is_no_failure(self):
        self.fake("apt-get")
        (self.bin / "apt-get").write_text(f'#!/bin/bash\necho "apt-get $*" >> {self.log}\n[[ "$*" != *dataset* ]]\n')
        fake = self.fake
        self.fake = lambda name, script="": None if name == "apt-get" else fake(name, script)
        result = self.install("('data',)", "g++")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("the lessons use the small sample", result.stderr)

    def test_doctor_where_nothing_is_installed(self):
        code = ("import coursetool.doctor as doctor, sys; from pathlib import Path; "
                f"sys.exit(doctor.main(Path({str(self.folder)!r}), 'release'))")
        result = subprocess.run(["/usr/bin/env", "-i", "PATH=/nowhere", f"PYTHONPATH={ROOT / 'tools'}",
                                 os.path.realpath(os.sys.executable), "-c", code],
                                capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        for remedy in ("apt-get install g++", "apt-get install cmake", "apt-get install ninja-build"):
            self.assertIn(f"→ {remedy}", result.stdout)
        self.assertIn("These would stop a lesson: compiler, CMake, Ninja", result.stdout)


if __name__ == "__main__":
    unittest.main()
