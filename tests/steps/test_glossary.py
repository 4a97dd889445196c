"""Holds docs/glossary.md against the test that compiles it: no C++ cell that nobody has tried."""
import re
import unittest

from tests.steps.programs import ROOT


class Glossary(unittest.TestCase):
    def test_every_cpp_cell_is_compiled(self):
        source = re.sub(r"\s+", " ", (ROOT / "tests/steps/glossary_test.cpp").read_text(encoding="utf-8"))
        page = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
        cells = re.findall(r"^\| `[^|]*` \| `([^|]*)` \|", page, re.MULTILINE)
        self.assertGreater(len(cells), 35)
        for cell in cells:
            self.assertIn(cell, source)


if __name__ == "__main__":
    unittest.main()
