"""Fetching a data set: only what is whole and right gets its name."""
import gzip
import hashlib
import io
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path

from coursetool import data
from coursetool.errors import CourseError

CONTENT = {name: f"content of {name}".encode() for name in data.NAMES}


class Fetching(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.mirror = Path(folder.name) / "mirror"
        self.target = Path(folder.name) / "data" / "small"
        self.mirror.mkdir()
        for name, content in CONTENT.items():
            (self.mirror / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        sums = {name: f"sha256:{hashlib.sha256(content).hexdigest()}" for name, content in CONTENT.items()}
        first = self.mirror / f"{data.NAMES[0]}.gz"
        sums[data.NAMES[0]] = f"md5:{hashlib.md5(first.read_bytes()).hexdigest()}"
        self.sets = {"small": data.DataSet((self.mirror.as_uri(),), sums)}

    def fetch(self, url: str | None = None) -> str:
        printed = io.StringIO()
        with redirect_stdout(printed):
            data.fetch("small", self.target, url, self.sets)
        return printed.getvalue()

    def files(self) -> list[str]:
        return sorted(path.name for path in self.target.iterdir())

    def test_fetches_all_four_and_not_again(self):
        self.fetch()
        self.assertEqual(self.files(), sorted(f"{name}.gz" for name in data.NAMES))
        self.assertEqual(self.fetch().count("there already"), 4)

    def broken(self, change, message: str) -> None:
        file = self.mirror / f"{data.NAMES[2]}.gz"
        change(file)
        with self.assertRaisesRegex(CourseError, message):
            self.fetch()
        self.assertEqual(self.files(), sorted(f"{name}.gz" for name in data.NAMES[:2]))  # and no leftovers

    def test_wrong_content(self):
        self.broken(lambda file: file.write_bytes(gzip.compress(b"other")), "its sha256 is .*, but .* was expected")

    def test_truncated(self):
        self.broken(lambda file: file.write_bytes(file.read_bytes()[:-9]), "could not be fetched")

    def test_missing(self):
        self.broken(lambda file: file.unlink(), "could not be fetched")

    def test_no_gzip(self):
        self.broken(lambda file: file.write_bytes(b"<html>not found</html>"), "could not be fetched")

    def test_second_host_is_tried(self):
        sets = self.sets
        self.sets = {"small": data.DataSet(((self.mirror / "none").as_uri(), self.mirror.as_uri()), sets["small"].sums)}
        self.fetch()
        self.assertEqual(len(self.files()), 4)


if __name__ == "__main__":
    unittest.main()
