"""The tables of Python's values are what their scripts write: run wherever Python has the library."""
import pathlib
import subprocess
import unittest

TABLES = pathlib.Path(__file__).parent / "tables"


def python_with(module: str) -> str | None:
    for python in ("python3", "/usr/bin/python3"):
        found = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
        if found.returncode == 0:
            return python
    return None


class Tables(unittest.TestCase):
    def same(self, name: str, module: str) -> None:
        python = python_with(module)
        if python is None:
            self.skipTest(f"no Python here has {module}")
        written = subprocess.run([python, TABLES / f"{name}.py"], capture_output=True, text=True, check=True).stdout
        table = (TABLES / f"{name}.inc").read_text(encoding="utf-8")
        for number, (found, wanted) in enumerate(zip(written.splitlines(), table.splitlines(), strict=True), start=1):
            self.assertTrue(same_numbers(found, wanted), f"line {number} of {name}.inc\n{found}\n{wanted}")

    def test_schedulers(self) -> None:
        self.same("schedulers", "torch")

    def test_metrics(self) -> None:
        self.same("metrics", "sklearn")


def same_numbers(a: str, b: str) -> bool:
    """Equal, numbers up to the last digits: libraries of another year round elsewhere."""
    def words(line: str) -> list[str]:
        return line.replace("{", " ").replace("}", " ").replace(",", " ").split()
    pairs = list(zip(words(a), words(b), strict=False))
    return len(words(a)) == len(words(b)) and all(x == y or close(x, y) for x, y in pairs)


def close(x: str, y: str) -> bool:
    try:
        return abs(float(x) - float(y)) <= 1e-12 * max(1.0, abs(float(y)))
    except ValueError:
        return False


if __name__ == "__main__":
    unittest.main()
