"""What step12 promises of whole runs: step11's numbers, Ctrl-C and resume, evaluation from a file, debugging configs."""
import csv
import re
import signal
import subprocess
import tempfile
import time
import tomllib
import unittest
from pathlib import Path

from tests.steps.programs import BIN, ROOT, SAMPLE, canonical_environment, program, run
from tests.steps.test_python_twins import PYTHON

MLP = ("experiment=mlp", "model.hidden=32")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Runs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="course-runs-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_it(self, name: str, *arguments: str, code: int = 0) -> str:
        done = program(name, *arguments, COURSE_RUNS=str(self.folder))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def newest(self) -> Path:
        return (self.folder / "latest").resolve()

    def fingerprint(self, output: str) -> str:
        return re.search(r"^fingerprint of the weights: (\w{16})$", output, re.MULTILINE)[1]

    def values(self, metric: str, run: Path) -> list[str]:
        return [row[metric] for row in rows(run / "csv" / "version_0" / "metrics.csv") if row.get(metric)]


class SameAsStep11(Runs):
    def test_losses_and_weights_to_the_last_digit(self):
        """Seven epochs at most, and the patience that ends them."""
        before = self.run_it("step11_main", "--epochs", "7", "--patience", "2", "--learning-rate", "0.6")
        expected = [row for row in rows(self.newest() / "metrics.csv") if row["train_loss"]]
        after = self.run_it("step12_train", "experiment=step11", "trainer.max_epochs=7", "early_stopping.patience=2", "optimizer.lr=0.6")
        self.assertLess(len(expected), 7, "the patience was to end it, so that this is compared, too")
        found = [float(text) for text in self.values("train_loss", self.newest())]
        self.assertEqual(found, [float(row["train_loss"]) for row in expected])
        validation = [float(text) for text in self.values("val_loss", self.newest())]
        self.assertEqual(len(validation), len(expected))
        for ours, row in zip(validation, expected):
            self.assertAlmostEqual(ours, float(row["val_loss"]), delta=1e-6, msg="means of batches, weighted: another order of sums")
        self.assertEqual(self.fingerprint(after), self.fingerprint(before), "the best epoch's weights")


class Interrupted(Runs):
    def test_ctrl_c_and_resume_are_as_one_run(self):
        arguments = (*MLP, "trainer.max_epochs=6", "data.batch_size=8", "model.dropout=0.3")
        whole = self.fingerprint(self.run_it("step12_train", *arguments))
        process = subprocess.Popen([str(BIN / "step12_train"), *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=canonical_environment() | {"COURSE_RUNS": str(self.folder / "cut")})
        until = time.monotonic() + 60
        while not list(self.folder.glob("cut/*/checkpoints/*.ckpt")) and time.monotonic() < until:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, said)
        cut = (self.folder / "cut" / "latest").resolve()
        self.assertTrue((cut / "checkpoints" / "on_exception.ckpt").exists(), said)
        resumed = self.run_it("step12_train", "--resume", str(cut))
        self.assertEqual(self.fingerprint(resumed), whole)
        self.assertFalse((cut / "checkpoints" / "on_exception.ckpt").exists(), "it has done its work")
        epochs = [row["epoch"] for version in (0, 1) for row in rows(cut / "csv" / f"version_{version}" / "metrics.csv") if row.get("train_loss")]
        self.assertEqual(epochs, [str(epoch) for epoch in range(6)])

    def test_a_run_goes_further(self):
        self.run_it("step12_train", *MLP, "trainer.max_epochs=2", "scheduler.name=none")
        two = self.newest()
        further = self.run_it("step12_train", "--resume", str(two), "trainer.max_epochs=4")
        whole = self.run_it("step12_train", *MLP, "trainer.max_epochs=4", "scheduler.name=none")
        self.assertEqual(self.fingerprint(further), self.fingerprint(whole))
        self.assertEqual(tomllib.loads((two / "config.toml").read_text())["trainer"]["max_epochs"], 4)


    def test_relative_folders_are_the_same_from_elsewhere(self):
        def run_in(place: Path, name: str, *words: str) -> None:
            done = subprocess.run([str(BIN / name), *words], cwd=place, env=canonical_environment(), capture_output=True, text=True, timeout=600)
            self.assertEqual(done.returncode, 0, done.stderr)

        (self.folder / "data").symlink_to(SAMPLE)
        (self.folder / "elsewhere").mkdir()
        run_in(self.folder, "step12_train", *MLP, "trainer.max_epochs=1", "data.dir=data", "run_dir=mine")
        cut = (self.folder / "mine" / "latest").resolve()
        config = tomllib.loads((cut / "config.toml").read_text())
        self.assertEqual((config["data"]["dir"], config["run_dir"]), (str(self.folder / "data"), str(self.folder / "mine")))
        run_in(self.folder / "elsewhere", "step12_train", "--resume", str(cut), "trainer.max_epochs=2")
        run_in(self.folder / "elsewhere", "step12_eval", "--ckpt", str(cut / "checkpoints" / "best.ckpt"))


class Outcome(Runs):
    def test_nothing_is_tested(self):
        for limit in ("0", "0.0"):
            said = self.run_it("step12_train", *MLP, "trainer.max_epochs=1", f"trainer.limit_test_batches={limit}")
            self.assertIn("\nnothing was tested: trainer.limit_test_batches is 0\n", said)
            self.assertNotIn("test accuracy", said)
            self.assertTrue((self.newest() / "loss.svg").exists())
            self.fingerprint(said)
        self.run_it("step12_autoencoder", "trainer.max_epochs=1", "trainer.limit_test_batches=0")

    def test_a_run_that_diverges_says_so(self):
        words = (*MLP, "optimizer.name=sgd", "optimizer.lr=1e20", "trainer.max_epochs=3")
        sentence = ("error: training has diverged: val_loss is no finite number any more in epoch 0; train again with a smaller "
                    "optimizer.lr, or with a trainer.gradient_clip_val of 1\n")
        self.assertIn(sentence, self.run_it("step12_train", *words, code=1))
        self.assertIn(sentence, self.run_it("step12_train", "--resume", str(self.newest()), code=1))
        self.assertIn(sentence, self.run_it("step12_train", *words, "early_stopping.warmup=5", code=1))


class Evaluation(Runs):
    def test_a_checkpoint_is_enough(self):
        trained = self.run_it("step12_train", *MLP, "trainer.max_epochs=2")
        alone = self.folder / "alone.ckpt"
        (self.newest() / "checkpoints" / "best.ckpt").rename(alone)
        said = self.run_it("step12_eval", "--ckpt", str(alone))
        self.assertEqual(self.fingerprint(said), self.fingerprint(trained))
        accuracy = re.search(r"^test accuracy (\S+) %", trained, re.MULTILINE)[1]
        self.assertAlmostEqual(float(re.search(r"test_acc\W+([\d.]+)", said)[1]) * 100, float(accuracy), places=2)
        only = self.run_it("step12_eval", "--ckpt", str(alone), "model.classes=0,2")
        matrix = [line.split()[-10:] for line in only.split("it is a")[1].splitlines()[2:12]]
        self.assertEqual([len(row) for row in matrix], [10] * 10, only)
        said = [{column for column in range(10) if row[column] != "."} for row in matrix]
        self.assertEqual(set.union(*said), {0, 2})

    def test_no_checkpoint(self):
        said = self.run_it("step12_eval", "--ckpt", "nowhere.ckpt", code=1)
        self.assertRegex(said, r"^error: .*nowhere\.ckpt")


class Debugging(Runs):
    def test_fast_dev_run_leaves_nothing_but_its_config(self):
        self.run_it("step12_train", "debug=fast_dev_run")
        self.assertEqual([path.name for path in self.newest().rglob("*") if path.is_file()], ["config.toml"])

    def test_limits(self):
        self.run_it("step12_train", *MLP, "debug=limit")
        self.assertEqual(len(self.values("train_loss", self.newest())), 2)

    def test_four_batches_are_learned_by_heart(self):
        self.run_it("step12_train", *MLP, "debug=overfit", "data.batch_size=16")
        losses = [float(text) for text in self.values("train_loss", self.newest())]
        self.assertLess(losses[-1], 0.1)

    def test_profiler(self):
        done = program("step12_train", *MLP, "debug=profiler", COURSE_RUNS=str(self.folder))
        self.assertRegex(done.stdout + done.stderr, r"\[LightningModule\]LitClassifier\.on_train_epoch_start")

    def test_printed_config_is_the_run(self):
        words = ("experiment=mlp", "trainer.max_epochs=1", "seed=3")
        text = self.run_it("step12_train", *words, "--print-config")
        self.assertEqual(tomllib.loads(text)["optimizer"]["lr"], 1e-3)
        file = self.folder / "printed.toml"
        file.write_text(text)
        prints = [self.fingerprint(self.run_it("step12_train", *one)) for one in (words, ("--config", str(file)))]
        self.assertEqual(*prints)


class BadInput(Runs):
    def test_one_sentence_and_no_folder(self):
        for code, sentence, *words in ((2, "optimizer.lrr is no known key; did you mean optimizer.lr", "optimizer.lrr=1"),
                                       (2, "experiment takes mlp, step11 or tops, not 'cmn'", "experiment=cmn"),
                                       (2, "unknown argument --epochs; a value is given as KEY=VALUE", "--epochs", "3"),
                                       (2, "--resume takes the folder of a run, but there is no nowhere/config.toml", "--resume", "nowhere"),
                                       (2, "a config is a TOML file, but 'nowhere.toml' is none", "--config", "nowhere.toml"),
                                       (2, "model.name takes cnn or mlp, not 'cmm'", "model.name=cmm"),
                                       (2, "model.classes takes a whole number from 0 to 9, not '12'", "model.classes=12"),
                                       (1, "data.dir: /no/such/folder does not exist", "data.dir=/no/such/folder"),
                                       (1, "or leave data.dir out to search", "data.dir=/no/such/folder", "data.name=mnist"),
                                       (1, "cannot be made: Not a directory; name another place with run_dir or", "run_dir=/dev/null/runs")):
            said = self.run_it("step12_train", *words, code=code)
            self.assertIn(sentence, said)
            self.assertEqual((said.count("\n"), said[:7]), (1, "error: "), said)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_an_accelerator_that_there_is_not(self):
        said = self.run_it("step12_train", "trainer.accelerator=cdua", code=1)
        self.assertEqual(said, 'error: accelerator: "cdua" is none of auto, cpu, cuda, gpu and mps; did you mean cuda?\n')

    def test_help_shows_the_keys_with_their_values(self):
        said = self.run_it("step12_train", "--help")
        self.assertRegex(said, r"(?m)^batch_size = 128 +# samples in a batch$")
        self.assertIn("--resume RUN", said)


class Hooks(Runs):
    def specified(self, name: str) -> list[str]:
        """The hooks of a constant of hook_order_test.cpp, which holds Lightning's own order; a pair counts once."""
        source = (ROOT / "tests/lit/hook_order_test.cpp").read_text(encoding="utf-8")
        words = "".join(re.findall(r'"([^"]*)"', re.search(rf"\b{name} =(.*?);", source, re.DOTALL)[1])).split()
        short = {"dm.before": "on_before_batch_transfer", "dm.transfer": "transfer_batch_to_device", "dm.after": "on_after_batch_transfer"}
        hooks = [short.get(word) or word.split(".")[1].rstrip("{") for word in words if word != "}"]
        return [hook for before, hook in zip(["", *hooks], hooks) if hook != before]

    def test_the_table_is_in_lightnings_order(self):
        table = self.run_it("step12_hooks").split("\n\n")[1].splitlines()[2:]
        hooks = [line.split()[0] for line in table]
        epoch = hooks[hooks.index("on_train_epoch_start"):hooks.index("on_train_epoch_end") + 1]
        self.assertEqual(epoch, [*self.specified("kEpochStart"), *self.specified("kBatchStart"), *self.specified("kStep"),
                                 *self.specified("kBatchEnd"), "on_validation_model_zero_grad", *self.specified("kValidation"),
                                 "on_validation_model_train", "on_train_epoch_end"])

    def test_a_hook_and_a_callback_print_the_same(self):
        lines = self.run_it("step12_hooks").splitlines()
        first = lines.index("LitClassifier")
        hook, callback = (re.findall(r"\d\.\d{6}", line) for line in lines[first + 1:first + 3])
        self.assertEqual(hook, callback)
        self.assertEqual(len(hook), 3)
        self.assertIn("it has none", lines[lines.index("LitAutoencoder") + 1])


class Python(Runs):
    @unittest.skipUnless(PYTHON, "no Python with torch: apt-get install python3-torch, or set COURSE_PYTHON")
    def test_the_autoencoder_is_python_s(self):
        done = run([PYTHON[0], str(ROOT / "step12_lightning_style/python/autoencoder.py"), str(SAMPLE), "3", "2"])
        self.assertEqual(done.returncode, 0, done.stderr)
        python = re.findall(r"^epoch \d train_loss (\S+) val_loss (\S+)$", done.stdout, re.MULTILINE)
        self.run_it("step12_autoencoder", "seed=3", "trainer.max_epochs=2", "trainer.flush_denormal=false", "optimizer.fused=false")
        ours = zip(self.values("train_loss", self.newest()), self.values("val_loss", self.newest()))
        for theirs, (train, validation) in zip(python, ours, strict=True):
            self.assertAlmostEqual(float(train), float(theirs[0]), delta=1e-4 * float(theirs[0]))
            self.assertAlmostEqual(float(validation), float(theirs[1]), delta=1e-4 * float(theirs[1]))

    def test_lightning_twin_can_be_parsed(self):
        """Lightning itself is nothing that the course installs."""
        path = ROOT / "step12_lightning_style" / "python" / "lightning_style.py"
        compile(path.read_text(encoding="utf-8"), path, "exec")


if __name__ == "__main__":
    unittest.main()
