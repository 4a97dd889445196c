"""What steps 06 to 11 promise of whole runs: same numbers as before, repeatable, interruptible."""
import ast
import re
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

from tests.steps.programs import ROOT, program, run


class Refactor(unittest.TestCase):
    def test_step06_prints_what_step05_printed(self):
        """To the last digit, but for times and for the table of precautions, which step06 left behind."""
        before, after = (program(name, "--epochs", "3").stdout for name in ("step05_main", "step06_main"))
        precautions = re.compile(r"^evaluated with.*?\n\n", re.MULTILINE | re.DOTALL)
        times = re.compile(r"\(.*pictures/s\)")
        self.assertIn("NoGradGuard forgotten", before)
        self.assertEqual(times.sub("", precautions.sub("", before)), times.sub("", after))


class Configs(unittest.TestCase):
    def test_step07_prints_what_step06_printed(self):
        times = re.compile(r"\(.*pictures/s\)")
        before, after = (times.sub("", program(name, "--epochs", "2", "--model", "cnn").stdout)
                         for name in ("step06_main", "step07_main"))
        self.assertIn("test loss", before)
        self.assertEqual(before, after)

    def test_printed_config_is_read_back_and_gives_the_same_run(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "config.toml"
            flags = ("--epochs", "1", "--optimizer", "adam", "--learning-rate", "3e-3", "--hidden", "32")
            file.write_text(program("step07_main", *flags, "--print-config").stdout, encoding="utf-8")
            self.assertEqual(tomllib.loads(file.read_text(encoding="utf-8"))["hidden"], 32)
            runs = [re.findall(r"^test loss.*", program("step07_main", *arguments).stdout, re.MULTILINE)
                    for arguments in (flags, ("--config", str(file)))]
            self.assertEqual(len(runs[0]), 1)
            self.assertEqual(*runs)

    def test_python_reads_the_same_config(self):
        arguments = ("--config", str(ROOT / "step07_configs/configs/cnn.toml"), "--epochs", "2")
        cpp = tomllib.loads(program("step07_main", *arguments, "--print-config").stdout)
        python = run([sys.executable, str(ROOT / "step07_configs/python/config.py"), *arguments]).stdout
        self.assertEqual(cpp, dict((key, ast.literal_eval(value)) for key, value in re.findall(r"^(\w+) = (.*)$", python, re.MULTILINE)))


class Reproducibility(unittest.TestCase):
    def outcome(self, *arguments: str, **environment: str) -> list[str]:
        """The losses and the fingerprint of the weights that a run prints."""
        output = program("step08_main", "--epochs", "2", *arguments, **environment).stdout
        found = re.findall(r"(?:loss|weights:) (\S+)", output)
        self.assertEqual(len(found), 4, output)
        return found

    def test_same_seed_same_bits(self):
        flips = ("--flip", "0.5", "--seed", "3")
        first = self.outcome(*flips, COURSE_SEED="1")
        self.assertEqual(first, self.outcome(*flips, COURSE_SEED="2"))  # nothing draws from an unseeded stream
        self.assertEqual(first, self.outcome(*flips, "--workers", "2"))
        self.assertNotEqual(first, self.outcome("--flip", "0.5", "--seed", "4"))

    def test_cnn_with_two_threads(self):
        """Two threads add in another order than one, but in the same one each time."""
        arguments = ("--model", "cnn", "--threads", "2", "--limit-train-batches", "10")
        self.assertEqual(self.outcome(*arguments), self.outcome(*arguments))


if __name__ == "__main__":
    unittest.main()
