"""The lessons' Python files against their C++ programs: the same numbers from the same seed.

Bit for bit where both run on libtorch 1.13; within 1e-4 where a later version, in which Python's and
C++'s kernels part ways, or two different versions are at work.
"""
import os
import re
import subprocess
import unittest

from tests.steps.programs import ROOT, SAMPLE, program, run


def python_with_torch() -> tuple[str, str] | None:
    """The first Python that imports torch, and torch's version."""
    for python in filter(None, (os.environ.get("COURSE_PYTHON"), "python3", "/usr/bin/python3")):
        try:
            found = subprocess.run([python, "-c", "import torch; print(torch.__version__)"],
                                   capture_output=True, text=True, check=False)
        except FileNotFoundError:
            continue
        if found.returncode == 0:
            return python, found.stdout.strip()
    return None


PYTHON = python_with_torch()
CPP_VERSION = os.environ.get("COURSE_TORCH_VERSION", "")


@unittest.skipUnless(PYTHON, "no Python with torch: apt-get install python3-torch, or set COURSE_PYTHON")
class PythonTwins(unittest.TestCase):
    def twin(self, path: str, *arguments: str) -> str:
        result = run([PYTHON[0], str(ROOT / path), *arguments])
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def cpp(self, name: str, *arguments: str) -> str:
        result = program(name, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def both_are_1_13(self) -> bool:
        return PYTHON[1].startswith("1.13") and CPP_VERSION.startswith("1.13")

    def assert_same_line(self, pattern: str, python: str, cpp: str) -> None:
        """The one line that matches is in both outputs, to the last character."""
        lines = [re.findall(pattern, text, re.MULTILINE) for text in (python, cpp)]
        self.assertEqual(len(lines[0]), 1, f"{pattern} in:\n{python}")
        self.assertEqual(lines[0], lines[1], cpp)

    def test_first_100_losses_of_step04(self):
        cpp = re.findall(r"^  loss (\S+)$", self.cpp(
            "step04_main", "--epochs", "4", "--show-steps", "100"), re.MULTILINE)
        python = re.findall(r"^  loss (\S+)$", self.twin(
            "step04_train_loop/python/train_loop.py", str(SAMPLE), "0", "4"), re.MULTILINE)[:100]
        self.assertEqual(len(cpp), 100)
        self.assertLess(float(cpp[-1]), float(cpp[0]) / 2, "the loss went down")
        if self.both_are_1_13():
            self.assertEqual(cpp, python)  # nine digits name a float32 to the last bit
            return
        for step, (here, there) in enumerate(zip(cpp, python, strict=True), start=1):
            self.assertAlmostEqual(float(here), float(there), delta=1e-4 * float(there),
                                   msg=f"step {step}")

    def test_class_means_of_step00(self):
        cpp = self.cpp("step00_f_theta")
        python = self.twin("step00_problem/python/f_theta.py", str(SAMPLE))
        for sharpness, loss, accuracy in re.findall(
                r"^class means, sharpness (\S+): loss (\S+), accuracy (\S+ %)$", python, re.MULTILINE):
            self.assertRegex(cpp, rf"class means, sharpness {re.escape(sharpness)} +{loss} +{accuracy}")
        self.assertEqual(python.count("class means"), 3)

    def test_dataset_of_step01(self):
        cpp = self.cpp("step01_main")
        python = self.twin("step01_dataset/python/dataset.py", str(SAMPLE))
        self.assert_same_line(r"^train\.size\(\) = .*$", python, cpp)
        self.assert_same_line(r"^over all pixels: .*$", python, cpp)

    def test_batches_of_step02(self):
        cpp = self.cpp("step02_main")
        python = self.twin("step02_dataloader/python/dataloader.py", str(SAMPLE))
        self.assert_same_line(r"^  the first: .*$", python, cpp)
        self.assert_same_line(r"^  the last, .*$", python, cpp)
        self.assert_same_line(r"^  with drop_last: \d+ batches", python, cpp)

    def test_parameters_of_step03(self):
        cpp = self.cpp("step03_main")
        python = self.twin("step03_model/python/model.py").splitlines()
        self.assertEqual(len(python), 4)
        for line in python:
            name, shape, count = re.fullmatch(r"(\S+) (\[.*\]) (\d+)", line).groups()
            self.assertRegex(cpp, rf"{re.escape(name)} +{re.escape(shape)} +{int(count):,} ")

    def test_accuracy_of_step05(self):
        pattern = r"^test loss (\S+), test accuracy (\S+) %"
        cpp = re.search(pattern, self.cpp("step05_main", "--epochs", "3"), re.MULTILINE)
        python = re.search(pattern, self.twin(
            "step05_evaluation/python/evaluation.py", str(SAMPLE), "0", "3"), re.MULTILINE)
        if self.both_are_1_13():
            self.assertEqual(cpp.groups(), python.groups())
            return
        self.assertAlmostEqual(float(cpp[1]), float(python[1]), delta=2e-3)
        self.assertAlmostEqual(float(cpp[2]), float(python[2]), delta=0.41)  # two of 500 pictures

    def test_models_of_step06(self):
        pattern = r"^test loss (\S+), test accuracy (\S+) %"
        for model in ("mlp", "cnn"):
            cpp = re.search(pattern, self.cpp("step06_main", "--epochs", "2", "--model", model), re.MULTILINE)
            python = re.search(pattern, self.twin(
                "step06_refactor/python/refactor.py", str(SAMPLE), "0", "2", model), re.MULTILINE)
            if self.both_are_1_13():
                self.assertEqual(cpp.groups(), python.groups())
            else:
                self.assertAlmostEqual(float(cpp[1]), float(python[1]), delta=5e-3)
                self.assertAlmostEqual(float(cpp[2]), float(python[2]), delta=0.81)  # four of 500 pictures

    def test_a_seeded_run_of_step08(self):
        cpp = self.cpp("step08_main", "--epochs", "3", "--seed", "7")
        python = self.twin("step08_reproducibility/python/reproducibility.py", str(SAMPLE), "7", "3")
        pattern = r"loss (\d\S+\d)|accuracy (\S+) %"
        here, there = ([float(a or b) for a, b in re.findall(pattern, text)] for text in (cpp, python))
        self.assertEqual(len(here), 5)  # three epochs; loss and accuracy of the test
        if self.both_are_1_13():
            self.assertEqual(here, there)
        else:
            for a, b in zip(here, there, strict=True):
                self.assertAlmostEqual(a, b, delta=0.01 * b)


if __name__ == "__main__":
    unittest.main()
