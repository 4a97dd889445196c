"""./course prove cuda and bench cuda, with the CPU in place of a GPU: what becomes of each part is said, and nothing else."""
import contextlib
import io
import os
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from coursetool import cuda
from coursetool.errors import CourseError

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("COURSE_BUILD", ROOT / "build/release"))
SAMPLE = str(ROOT / "common/data/sample")

JUNIT = """<testsuite>
<testcase name="lit.Fit" status="run"/><testcase name="lit.Data" status="fail"/><testcase name="common.X" status="run"/>
<testcase name="lit.Old" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>
<testcase name="cuda.CudaTraining" status="run"/><testcase name="cuda.CudaWaits" status="fail"/>
<testcase name="cuda.CudaMemory" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>
</testsuite>"""


def said(action) -> tuple[int, str]:
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.redirect_stderr(io.StringIO()):
        return action(), text.getvalue()


class Parts(unittest.TestCase):
    def setUp(self):
        self.place = cuda.Place(ROOT, "release", stand_in=True)
        self.gpu = cuda.Place(ROOT, "cuda")

    def test_what_takes_too_long_is_ended_with_all_it_has_started(self):
        with tempfile.TemporaryDirectory() as folder:
            late = Path(folder, "late")
            start = time.monotonic()
            with self.assertRaises(cuda.Late), contextlib.redirect_stderr(io.StringIO()):
                cuda.call(self.place, ["sh", "-c", f"(sleep 3; touch {late}) & sleep 60"], 1)
            self.assertLess(time.monotonic() - start, 20)
            time.sleep(3)
            self.assertFalse(late.exists())
            table = cuda.Table(self.place)
            with table.part("tests", 90):
                raise cuda.Late
            self.assertEqual((table.lines, table.failed), ([["tests", "never run to its end", "not done after 90 s"]], True))

    def test_a_line_for_each_suite_that_needs_a_device(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "tests.xml").write_text(JUNIT, encoding="utf-8")
            for place, ran in ((self.gpu, "run on CUDA"), (self.place, "run on the CPU, in place of CUDA")):
                table = cuda.Table(place)
                cuda.test_lines(table, Path(folder, "tests.xml"))
                self.assertEqual(table.lines, [["cuda.CudaTraining", ran, "passed"], ["cuda.CudaWaits", f"{ran}, FAILED", ""],
                                               ["cuda.CudaMemory", "skipped", "no CUDA device here"],
                                               ["all other C++ tests", "run, FAILED", "2 suites passed, 1 failed: lit.Data"]])
                self.assertTrue(table.failed)

    def test_where_nothing_is_built_nothing_was_run(self):
        with mock.patch.object(cuda, "call", lambda *words, **more: (1, "main.cpp:3:1: error: no such thing\n")), \
                mock.patch.object(cuda.build, "configure"), mock.patch.object(cuda.packages, "install"):
            code, text = said(lambda: cuda.prove(ROOT, "release", "cpu", None))
        self.assertEqual(code, 1)
        lines = text.splitlines()[2:]
        self.assertRegex(lines[0], r"^build +run, FAILED +main.cpp:3:1: error: no such thing$")
        self.assertTrue(all("never run" in line and "nothing was built" in line for line in lines[1:]), text)
        self.assertEqual(len(lines), 2 + len(cuda.PROGRAMS) + len(cuda.VARIANTS))

    def test_a_python_without_torch_is_told_of(self):
        place = cuda.Place(ROOT, "release", stand_in=True, python=["python3", "-I", "-S"])
        why = cuda.missing(place)
        self.assertEqual(why[cuda.PYTHON], "python3 -I -S has no torch")
        self.assertNotIn("lit::Trainer", why)

    def test_places(self):
        with mock.patch.object(cuda, "has_gpu", lambda: False):
            with self.assertRaisesRegex(CourseError, "prove cuda needs an NVIDIA GPU, and there is none on this machine; --stand-in cpu"):
                cuda.place_for(ROOT, "release", None, None, "prove cuda")
        with self.assertRaisesRegex(CourseError, "only cpu can stand in for a GPU, not 'tpu'"):
            cuda.place_for(ROOT, "release", "tpu", None, "prove cuda")
        with mock.patch.object(cuda, "has_gpu", lambda: True):
            self.assertEqual(cuda.place_for(ROOT, "release", None, None, "prove cuda").preset, "cuda")

    def test_times_are_compared_round_by_round(self):
        rows = cuda.rows({"mlp, batch 64": {cuda.PYTHON: [100.0, 1000.0], "lit::Trainer": [50.0, 500.0]}})
        self.assertEqual(rows, [["us per step (of Python's loop)", "mlp, batch 64"], [cuda.PYTHON, "550 (1.00)"], ["lit::Trainer", "275 (0.50)"]])
        self.assertEqual(cuda.per_step({"seconds": [9.0, 9.0, 1.0, 3.0], "steps": 1000}), 2000.0)


@unittest.skipUnless(BUILD.parent == ROOT / "build" and (BUILD / "bin/cuda_tests").exists(), "cuda_tests are not built")
class StandIn(unittest.TestCase):
    def test_the_whole_script(self):
        with mock.patch.dict(os.environ, {"COURSE_DATA": SAMPLE, "COURSE_NO_INSTALL": "1"}):
            os.environ.pop("COURSE_SEED", None)
            code, text = said(lambda: cuda.prove(ROOT, BUILD.name, "cpu", "/usr/bin/python3", tests=r"^cuda\.", cases=(("mlp", 64),)))
        self.assertEqual(code, 0, text)
        self.assertNotIn("run on CUDA", text)
        for line in (r"build +run +\d+ s", r"cuda\.CudaTraining +run on the CPU, in place of CUDA +passed", r"cuda\.CudaWaits +run on the CPU, in place of CUDA",
                     r"step05_main +run on the CPU, in place of CUDA +\d+ s, accuracy \d+", r"step12_train +run on the CPU, in place of CUDA +\d+ s, accuracy \d+",
                     r"benchmark: lit::Trainer +run on the CPU, in place of CUDA +1 of 1 cases", r"benchmark: Python's Lightning +(skipped|run)"):
            self.assertRegex(text, rf"(?m)^{line}")
        self.assertRegex(text, r"(?m)^lit::Trainer +[\d,]+")


if __name__ == "__main__":
    unittest.main()
