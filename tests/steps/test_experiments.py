"""What steps 06 to 11 promise of whole runs: same numbers as before, repeatable, interruptible."""
import re
import unittest

from tests.steps.programs import program


class Refactor(unittest.TestCase):
    def test_step06_prints_what_step05_printed(self):
        """To the last digit, but for times and for the table of precautions, which step06 left behind."""
        before, after = (program(name, "--epochs", "3").stdout for name in ("step05_main", "step06_main"))
        precautions = re.compile(r"^evaluated with.*?\n\n", re.MULTILINE | re.DOTALL)
        times = re.compile(r"\(.*pictures/s\)")
        self.assertIn("NoGradGuard forgotten", before)
        self.assertEqual(times.sub("", precautions.sub("", before)), times.sub("", after))


if __name__ == "__main__":
    unittest.main()
