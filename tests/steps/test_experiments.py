"""What steps 06 to 11 promise of whole runs: same numbers as before, repeatable, interruptible."""
import ast
import csv
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest
from pathlib import Path

from tests.steps.programs import BIN, ROOT, SAMPLE, canonical_environment, program, run
from tests.steps.test_python_twins import PYTHON


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


class Logging(unittest.TestCase):
    """step09 and all that is built on it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="course-runs-")
        self.addCleanup(folder.cleanup)
        self.runs = Path(folder.name)

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen([str(BIN / "step09_main"), "--run-dir", str(self.runs), *arguments], env=canonical_environment(),
                                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # also under nohup
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")

    def wait_for_epoch(self, number: int) -> Path:
        """The folder of the one run, once its metrics tell of that epoch."""
        for _ in range(600):
            found = [path for path in self.runs.glob("20*/metrics.csv") if f"\n{number}," in path.read_text()]
            if found:
                return found[0].parent
            time.sleep(0.05)
        self.fail("the run never got so far")

    def test_a_run_is_repeated_from_its_folder_alone(self):
        first = program("step09_main", "--run-dir", str(self.runs), "--epochs", "2", "--seed", "5", "--flip", "0.3", "--model", "cnn")
        self.assertEqual(first.returncode, 0, first.stderr)
        folder = next(self.runs.glob("20*"))
        again = self.runs / "again"
        second = program("step09_main", "--config", str(folder / "config.toml"), "--run-dir", str(again), COURSE_DATA="/no/such/folder")
        self.assertEqual(second.returncode, 0, second.stderr)
        metrics = [next(parent.glob("20*/metrics.csv")).read_bytes() for parent in (self.runs, again)]
        self.assertEqual(metrics[0].count(b"\n"), 4)
        self.assertEqual(*metrics)
        self.assertEqual(*(re.findall("weights: .*", one.stdout) for one in (first, second)))
        twin = run([sys.executable, str(ROOT / "step09_logging/python/logs.py"), str(folder)])
        accuracy = re.search("test accuracy .* %", first.stdout)[0]
        self.assertRegex(twin.stdout, rf"^cnn, seed 5: 2 epochs, loss [\d.]+ to [\d.]+\n{accuracy}\n$", twin.stderr)

    def test_a_killed_run_keeps_what_it_said(self):
        process = self.start("--epochs", "1000")
        folder = self.wait_for_epoch(3)
        process.kill()
        process.communicate()
        log, metrics = ((folder / name).read_text() for name in ("log.txt", "metrics.csv"))
        for words in ("git revision: ", "config:\n", "seed = 0", "hidden.weight", "device: cpu", "threads: 1 (", "epoch  3/1000  loss "):
            self.assertIn(words, log)
        self.assertTrue(metrics.endswith("\n") and log.endswith("\n"))

    def test_ctrl_c_sigterm_and_sighup_end_between_two_batches(self):
        signals = ((signal.SIGINT, 130, "stopped by Ctrl-C"), (signal.SIGTERM, 143, "stopped by SIGTERM"), (signal.SIGHUP, 129, "stopped by SIGHUP"))
        for number, (sign, code, words) in enumerate(signals):
            self.runs = self.runs / str(number)
            process = self.start("--epochs", "1000")
            folder = self.wait_for_epoch(2)
            process.send_signal(sign)
            _, errors = process.communicate(timeout=30)
            self.assertEqual((process.returncode, errors), (code, words + "\n"))
            self.assertIn(f"error    ended early: {words}\n", (folder / "log.txt").read_text())

    def test_runs_of_one_second_do_not_share_a_folder(self):
        processes = [self.start("--epochs", "1") for _ in range(4)]
        for process in processes:
            self.assertEqual((process.communicate()[1], process.returncode), ("", 0))
        folders = list(self.runs.glob("20*"))
        self.assertEqual(len(folders), 4)
        for folder in folders:
            self.assertEqual((folder / "metrics.csv").read_text().count("\n"), 3)

    def test_a_place_where_nothing_can_be_made(self):
        for place in ("/proc/runs", "/dev/null/runs"):
            result = program("step09_main", "--run-dir", place)
            self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1), result.stderr)
            self.assertIn(f"{place} cannot be made: ", result.stderr)
        result = program("step09_main", "--run-dir", str(self.runs), "--log-level", "loud")
        self.assertEqual((result.returncode, list(self.runs.iterdir())), (2, []), result.stderr)


class Checkpoints(unittest.TestCase):
    """step10: what one program writes, the other, or Python, reads."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="course-runs-")
        cls.addClassCleanup(folder.cleanup)
        cls.runs = Path(folder.name)
        cls.train = program("step10_main", "--epochs", "2", "--run-dir", folder.name)
        assert cls.train.returncode == 0, cls.train.stderr
        cls.model = next(cls.runs.glob("20*/model.pt"))

    def predict(self, *arguments: str) -> subprocess.CompletedProcess:
        return program("step10_predict", "--pictures", "1", *arguments)

    def results(self, output: str) -> list[str]:
        return re.findall(r"^(?:test loss|fingerprint).*", output, re.MULTILINE)

    def test_predict_reproduces_the_accuracy_without_any_flag(self):
        result = program("step10_predict", COURSE_RUNS=str(self.runs), COURSE_DATA="")
        self.assertEqual(self.results(result.stdout), self.results(self.train.stdout), result.stderr)
        self.assertEqual(len(self.results(result.stdout)), 2)
        self.assertEqual(result.stdout.count("is: "), 6)

    def test_training_goes_on_from_a_checkpoint(self):
        losses = [float(re.search(r"loss ([\d.]+)", output)[1]) for output in (
            self.train.stdout, program("step10_main", "--epochs", "1", "--init", str(self.model)).stdout)]
        self.assertLess(losses[1], 0.75 * losses[0])

    def test_refused_with_what_differs(self):
        result = program("step10_main", "--init", str(self.model), "--model", "cnn")
        self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1))
        for words in ("missing: conv1.weight, conv1.bias, conv2.weight", "other than in the model: hidden.weight ([128, 784] of Float"):
            self.assertIn(words, result.stderr)
        result = self.predict("--checkpoint", str(self.model.parent / "log.txt"))
        self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1))
        self.assertIn("is no file of torch.save", result.stderr)
        cut = self.runs / "cut.pt"
        cut.write_bytes(self.model.read_bytes()[:-100])
        self.assertIn("cut.pt is cut short or damaged", self.predict("--checkpoint", str(cut)).stderr)

    @unittest.skipUnless(PYTHON, "no Python with torch: apt-get install python3-torch, or set COURSE_PYTHON")
    def test_exchange_with_python(self):
        other = self.runs / "python.pt"
        result = run([PYTHON[0], str(ROOT / "step10_checkpointing/python/checkpoint.py"), str(SAMPLE), str(self.model), str(other)])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("mlp after 2 epochs\n", result.stdout)
        pattern = r"test loss (\S+), test accuracy (\S+) %"
        here, there = (re.search(f"^{pattern}", text, re.MULTILINE).groups() for text in (self.train.stdout, result.stdout))
        self.assertEqual(here[1], there[1])
        self.assertAlmostEqual(float(here[0]), float(there[0]), delta=1e-4)
        # And back: with two outputs exchanged, C++ finds what Python found.
        exchanged = re.search(f"^exchanged: {pattern}", result.stdout, re.MULTILINE).groups()
        self.assertLess(float(exchanged[1]), float(there[1]) - 5)
        back = self.predict("--checkpoint", str(other))
        found = re.search(f"^{pattern}", back.stdout, re.MULTILINE).groups()
        self.assertEqual(exchanged[1], found[1])
        self.assertAlmostEqual(float(exchanged[0]), float(found[0]), delta=1e-4)
        # Python's bare state_dict() has no config, so it can only be started from.
        self.assertIn("no config; start from it with --init", self.predict("--checkpoint", f"{other}.weights").stderr)
        self.assertEqual(program("step10_main", "--init", f"{other}.weights", "--epochs", "1").returncode, 0)

    def test_ctrl_c_keeps_the_weights(self):
        with tempfile.TemporaryDirectory() as runs:
            process = subprocess.Popen([str(BIN / "step10_main"), "--run-dir", runs, "--epochs", "1000"], env=canonical_environment(),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
            while not list(Path(runs).glob("20*/model.pt")):
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            self.assertEqual((process.communicate(timeout=30)[1], process.returncode), ("stopped by Ctrl-C\n", 130))
            result = self.predict("--checkpoint", str(next(Path(runs).glob("20*/model.pt"))))
            self.assertRegex(result.stdout, r"\(mlp after \d+ epochs, seed 0\)")

    def test_a_terminal_that_closes_keeps_the_weights(self):
        """Its programs get SIGHUP, and cannot print any more."""
        with tempfile.TemporaryDirectory() as runs:
            child, terminal = pty.fork()
            if child == 0:
                signal.signal(signal.SIGHUP, signal.SIG_DFL)
                os.execve(BIN / "step10_main", ["step10_main", "--run-dir", runs, "--epochs", "1000"], canonical_environment() | {"TERM": "xterm"})
            while not list(Path(runs).glob("20*/model.pt")):
                if select.select([terminal], [], [], 0.05)[0]:
                    os.read(terminal, 1 << 16)
            os.close(terminal)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 129)
            folder = next(Path(runs).glob("20*"))
            self.assertIn("ended early: stopped by SIGHUP\n", (folder / "log.txt").read_text())
            self.assertRegex(self.predict("--checkpoint", str(folder / "model.pt")).stdout, r"\(mlp after \d+ epochs, seed 0\)")

    def test_a_full_disk_loses_nothing(self):
        """The file size limit stands in for the end of the disk; what was written before stays whole."""
        with tempfile.TemporaryDirectory() as runs:
            result = run(["bash", "-c", 'trap "" XFSZ; ulimit -f 100; exec "$@"', "-", str(BIN / "step10_main"), "--run-dir", runs])
            self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1), result.stderr)
            self.assertIn("model.pt could not be written: File too large; what was there before is unchanged", result.stderr)
            self.assertEqual(sorted(path.name for path in Path(runs).glob("20*/*")), ["config.toml", "log.txt", "metrics.csv"])


class EarlyStopping(unittest.TestCase):
    """step11: what is kept when a run is at its end, whichever end."""

    OVERFIT = ("--config", str(ROOT / "step11_early_stopping/configs/overfit.toml"))

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="course-runs-")
        self.addCleanup(folder.cleanup)
        self.runs = Path(folder.name)

    def folder(self) -> Path:
        return next(self.runs.glob("20*"))

    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader((self.folder() / "metrics.csv").read_text().splitlines()))

    def test_a_run_that_overfits(self):
        result = program("step11_main", *self.OVERFIT, "--patience", "3", "--run-dir", str(self.runs))
        self.assertEqual(result.returncode, 0, result.stderr)
        best, epochs = (re.search(pattern, result.stdout)[1] for pattern in (
            r"stopped: no improvement in 3 epochs; the best was \S+ in epoch (\d+)", r"(?s:.*)epoch +(\d+)/20"))
        self.assertEqual(int(best) + 3, int(epochs))
        *validated, tested = self.rows()
        losses = [float(row["val_loss"]) for row in validated]
        self.assertEqual((tested["epoch"], losses.index(min(losses)) + 1), (best, int(best)))
        self.assertLess(float(validated[-1]["train_loss"]), 0.6 * min(losses))
        svg = (self.folder() / "loss.svg").read_text()
        self.assertIn(">validation</text>", svg)
        self.assertEqual(svg.count("<circle"), 2 * len(losses))
        predicted = program("step11_predict", "--checkpoint", str(self.folder() / "model.pt"))
        self.assertIn(f"(mlp after {best} epochs, seed 0)", predicted.stdout)
        for line in re.findall("^(?:test loss|fingerprint).*", result.stdout, re.MULTILINE):
            self.assertIn(line, predicted.stdout)
        # Python's class, given the same losses, stops at the same epoch.
        twin = run([sys.executable, str(ROOT / "step11_early_stopping/python/early_stopping.py"), "3", "0", *map(str, losses), "0"])
        self.assertEqual(twin.stdout, f"stopped in epoch {epochs}; the best was {min(losses):.4f} in epoch {best}\n", twin.stderr)

    def test_ctrl_c_leaves_the_best(self):
        process = subprocess.Popen([str(BIN / "step11_main"), *self.OVERFIT, "--epochs", "1000", "--patience", "1000", "--run-dir", str(self.runs)],
                                   env=canonical_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        while not list(self.runs.glob("20*/metrics.csv")) or len(self.rows()) < 12:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        self.assertEqual((process.communicate(timeout=30)[1], process.returncode), ("stopped by SIGTERM\n", 143))
        losses = [float(row["val_loss"]) for row in self.rows()]
        predicted = program("step11_predict", "--checkpoint", str(self.folder() / "model.pt"))
        self.assertIn(f"(mlp after {losses.index(min(losses)) + 1} epochs", predicted.stdout)

    def test_the_alias_is_the_last(self):
        result = program("step11_best_or_last", *self.OVERFIT)
        rows = re.findall(r"^ +(\d) +(\d+) +(\S+) +(\S+) +(\S+)$", result.stdout, re.MULTILINE)
        self.assertEqual([row[0] for row in rows], list("01234"), result.stderr)
        self.assertEqual([row[2] for row in rows], [row[3] for row in rows])
        better = sum(float(best) < float(last) for _, _, last, _, best in rows)
        self.assertIn(f"the best beat the last in {better} of 5 runs", result.stdout)
        self.assertGreaterEqual(better, 4)  # what the lesson shows; five on the canonical machine


if __name__ == "__main__":
    unittest.main()
