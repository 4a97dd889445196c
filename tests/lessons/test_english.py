"""Files that were rewritten in plain English keep it: no word of docs/style.md's list is in them."""
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def words() -> dict[str, str]:
    """The list of docs/style.md: what is not written, and what is instead."""
    table = (ROOT / "docs/style.md").read_text(encoding="utf-8").partition("<!-- words -->")[2]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", table, re.M)
    return {bad: good for bad, good in rows if bad not in ("not", "---")}


def files() -> list[Path]:
    lines = (ROOT / "tests/lessons/plain_english.txt").read_text(encoding="utf-8").splitlines()
    return [path for line in lines if line and not line.startswith("#") for path in sorted(ROOT.glob(line)) if path.is_file()]


def found_in(text: str, bad: dict[str, str]) -> list[str]:
    """The words of the list in a text, wherever its lines break."""
    flat = re.sub(r"\s*\n\s*(///?|\"|#)?\s*", " ", text)
    return [word for word in bad if re.search(rf"\b{re.escape(word)}\b", flat, re.I)]


class PlainEnglish(unittest.TestCase):
    def test_no_word_of_the_list(self):
        bad = words()
        self.assertGreater(len(bad), 20)
        self.assertGreater(len(files()), 30)
        for path in files():
            text = path.read_text(encoding="utf-8").partition("<!-- words -->")[0]
            with self.subTest(path.relative_to(ROOT)):
                self.assertEqual([f"{word} (write: {bad[word]})" for word in found_in(text, bad)], [])

    def test_a_word_across_lines_is_found(self):
        self.assertEqual(found_in("// a run that is gone\n// on with\n", {"gone on with": "resumed"}), ["gone on with"])
        self.assertEqual(found_in("// hands it on\n", {"at hand": "current"}), [])


if __name__ == "__main__":
    unittest.main()
