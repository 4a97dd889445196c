"""The lessons' programs given bad input: one sentence, the right exit code, and no crash."""
import gzip
import shutil
import struct
import tempfile
import unittest
from pathlib import Path

from tests.steps.programs import SAMPLE, program

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"

CONFIGURED = ("step07_main", "step08_main", "step09_main", "step10_main", "step11_main", "step12_train")


class BadFlags(unittest.TestCase):
    def refused(self, code: int, message: str, name: str, *arguments: str) -> None:
        result = program(name, *arguments)
        self.assertEqual((result.returncode, result.stderr.count("\n")), (code, 1), result.stderr)
        self.assertRegex(result.stderr, message)
        self.assertTrue(result.stderr.startswith("error: "), result.stderr)

    def test_unknown_flag(self):
        self.refused(2, "unknown flag --epoch, did you mean --epochs", "step04_main", "--epoch", "3")

    def test_bad_numbers(self):
        self.refused(2, "--batch-size takes a whole number of at least 1, not '0'",
                     "step02_main", "--batch-size", "0")
        self.refused(2, "--batch-size takes a whole number of at least 1, not '-8'",
                     "step04_main", "--batch-size=-8")
        self.refused(2, "--epochs takes a whole number of at least 1, not 'many'",
                     "step05_main", "--epochs", "many")
        self.refused(2, "--learning-rate takes a number greater than 0, not '0'",
                     "step05_main", "--learning-rate", "0")

    def test_devices(self):
        self.refused(2, "gpu", "step04_main", "--device", "gpu")
        if "auto: this libtorch was built without CUDA" in program("step04_main", "--epochs", "1").stdout:
            self.refused(1, "built without CUDA", "step04_main", "--device", "cuda")

    def test_data_dir_that_is_not_there(self):
        for name in ("step00_problem", "step00_f_theta", "step01_main", "step02_main", "step03_main",
                     "step04_main", "step05_main"):
            self.refused(1, "/no/such/folder", name, "--data-dir", "/no/such/folder")

    def test_index_out_of_range(self):
        self.refused(1, "sample 2000 was asked for, but there are only 2000", "step01_main", "--index", "2000")

    def test_configs_that_are_none(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "x.toml"
            for content, message in ((b"a" + b".a" * 30_000 + b" = 1\n", "x.toml:1: is nested more than 32 deep"),
                                     (b"x" * 10_000_000 + b" = 1\n", "x.toml is larger than 1 MiB"),
                                     (b"x" * 900_000 + b" = 1\n", "x.toml:1: 'x*…' is no key that a config has"),
                                     (b'"\\u001b[2J" = 1\n', r"x.toml:1: '\\x1b\[2J' is no key"),
                                     (b"[}\n", "x.toml:1: the name of a table begins with"),
                                     (b"seed = 1\nseed\n", "x.toml:2: ")):
                file.write_bytes(content)
                for name in CONFIGURED:
                    self.refused(2, message, name, "--config", str(file))

    def test_text_that_is_not_utf8(self):
        for name in CONFIGURED:
            given = ("--dataset", "caf\udce9") if name != "step12_train" else ("run_dir=caf\udce9",)
            self.refused(2, r"takes text in UTF-8, not 'caf\\xe9'", name, *given)

    def test_help(self):
        result = program("step05_main", "--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("--learning-rate", result.stdout)


class BadData(unittest.TestCase):
    """Each fault in a copy of the sample, as a whole program meets it (the reader's own tests have them all)."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        for file in SAMPLE.glob("*.gz"):
            shutil.copy(file, self.folder)

    def rewrite(self, name: str, change) -> None:
        path = self.folder / name
        path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))

    def refused(self, name: str, *words: str) -> None:
        result = program("step01_main", "--data-dir", str(self.folder))
        self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1), result.stderr)
        for word in (name, *words):
            self.assertIn(word, result.stderr)

    def test_truncated_gzip(self):
        path = self.folder / TRAIN_IMAGES
        path.write_bytes(path.read_bytes()[:5000])
        self.refused(TRAIN_IMAGES)

    def test_wrong_magic(self):
        shutil.copy(self.folder / TRAIN_LABELS, self.folder / TRAIN_IMAGES)
        self.refused(TRAIN_IMAGES, "label")

    def test_wrong_dimensions(self):
        self.rewrite(TRAIN_IMAGES, lambda data: data[:8] + struct.pack(">II", 14, 56) + data[16:])
        self.refused("14", "56", "28")

    def test_images_and_labels_of_different_count(self):
        self.rewrite(TRAIN_LABELS, lambda data: data[:4] + struct.pack(">I", 1999) + data[8:-1])
        self.refused("1999", "2000")

    def test_label_out_of_range(self):
        self.rewrite(TRAIN_LABELS, lambda data: data[:20] + b"\x25" + data[21:])
        self.refused("37", "12")

    def test_two_billion_images(self):
        self.rewrite(TRAIN_IMAGES, lambda data: data[:4] + struct.pack(">I", 2**31) + data[8:])
        self.refused(TRAIN_IMAGES)

    def test_trailing_bytes(self):
        self.rewrite(TRAIN_IMAGES, lambda data: data + b"more")
        self.refused(TRAIN_IMAGES)

    def test_a_folder_in_place_of_a_file(self):
        (self.folder / TRAIN_IMAGES).unlink()
        (self.folder / TRAIN_IMAGES).mkdir()
        self.refused(TRAIN_IMAGES)


if __name__ == "__main__":
    unittest.main()
