"""A small course in a temporary folder, whose programs are shell scripts: what the checks are tried on."""
import contextlib
import io
import os
import shlex
import shutil
import tempfile
import unittest
import unittest.mock
from pathlib import Path

from coursetool import docs
from coursetool.canonical import Machine
from coursetool.errors import CourseError

FILLER = "A sentence of ten words stands here to be counted.\n" * 62  # 620 words

STEP_TOML = """\
title = "The {name}"
minutes = {minutes}
idea = "One idea."
new = ["a", "b"]
terms = ["c"]
{budget}
[[programs]]
name = "main"
summary = "shows it"
args = ["--epochs", "2"]

[[programs.tolerance]]
pattern = 'loss ([0-9.]+)'
relative = 0.01
"""

README = """\
# Step {label}: the {name}

## The idea

{filler}
{changes}
## The code, read together

<!-- code: main.cpp#twice -->
```cpp
```

## Run it

<!-- not run: the output stands below -->
```console
$ ./course run {label}
```

## What you should see

<!-- run -->
```console
$ ./course run {label} -- --epochs 2
```

## Why it is so

<!-- expected: main.txt from="^loss" to="^loss" -->
```text
```

## In Python and Lightning

## Exercises

## Next
"""

MAIN = """\
// Doubles a number.
#include <cstdio>

namespace {

// region twice
// Twice as much.
int twice(int x) {
  return 2 * x;
}
// endregion

}  // namespace

int main() {
  std::printf("%d\\n", twice(21));
}
"""

OUTPUT = """\
data: $PWD/common/data/sample

epochs: 2  (12.3 s, 4,120 images/s)
loss 0.5000
accuracy 81.2 %
"""


class Result:
    """How a call of docs ended, and all that it printed."""

    def __init__(self, code: int, text: str):
        self.code, self.text = code, text


class House(unittest.TestCase):
    """Each test gets a course of two steps and a front page, all of it up to date."""

    fresh: tempfile.TemporaryDirectory | None = None  # made once, copied for each test

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="course-lessons-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve() / "house"
        # The folder for temporary files may lie in somebody's clone.
        environment = unittest.mock.patch.dict(os.environ, GIT_CEILING_DIRECTORIES=str(self.root.parent))
        environment.start()
        self.addCleanup(environment.stop)
        if House.fresh is None:
            self.root.mkdir()
            self.build()
            House.fresh = tempfile.TemporaryDirectory(prefix="course-lessons-")
            shutil.copytree(self.root, Path(House.fresh.name) / "house")
        else:
            shutil.copytree(Path(House.fresh.name) / "house", self.root)

    def build(self) -> None:
        """The course, from nothing."""
        for number, name, budget in ((0, "start", ""), (1, "next", "diff_budget = 3")):
            folder = f"step{number:02}_{name}"
            changes = "## What changes\n\n<!-- changes -->\n<!-- end -->\n" if number else ""
            self.write(f"{folder}/step.toml", STEP_TOML.format(name=name, minutes=10 * (number + 1), budget=budget))
            self.write(f"{folder}/README.md", README.format(label=f"{number:02}", name=name, changes=changes, filler=FILLER))
            self.write(f"{folder}/main.cpp", MAIN)
            self.write(f"{folder}/CMakeLists.txt", "add_step()\n")
            self.program(f"step{number:02}_main", OUTPUT)
        self.edit("step01_next/main.cpp", "twice(21)", "twice(22)")
        self.write("README.md", "# A course\n\n<!-- ladder -->\n<!-- end -->\n\n[First](step00_start/README.md#the-idea)\n")
        result = self.docs()
        self.assertEqual(result.code, 0, result.text)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix in (".cpp", ".h"):
            os.utime(path, (1e9, 1e9))  # older than the programs, as after a build
        return path

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces what must be there exactly once."""
        text = self.read(name)
        self.assertEqual(text.count(old), 1, f"'{old}' in {name}:\n{text}")
        self.write(name, text.replace(old, new))

    def add(self, name: str, text: str) -> None:
        self.write(name, self.read(name) + text)

    def program(self, target: str, output: str, exit_code: int = 0, errors: str = "") -> None:
        """A built program: prints a text in which $PWD is the root and $1 the first argument."""
        script = f"#!/bin/sh\ncat <<END\n{output}END\n" + (f"echo {shlex.quote(errors)} >&2\n" if errors else "")
        self.write(f"build/release/bin/{target}", f"{script}exit {exit_code}\n").chmod(0o755)

    def docs(self, *argv: str, canonical: bool = True) -> Result:
        machine = Machine(True) if canonical else Machine(False, "another libtorch")
        with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.redirect_stderr(text):
            try:
                code = docs.main(argv, self.root, machine)
            except CourseError as error:
                print(f"error: {error}")
                code = error.exit_code
        return Result(code, text.getvalue())

    def check(self, *argv: str, canonical: bool = True) -> Result:
        return self.docs("--check", *argv, canonical=canonical)

    def assert_fresh(self, *argv: str, canonical: bool = True) -> None:
        """The check finds nothing."""
        result = self.check(*argv, canonical=canonical)
        self.assertEqual(result.code, 0, result.text)

    def assert_found(self, *parts: str, argv: tuple[str, ...] = (), canonical: bool = True) -> str:
        """The check fails, says all of these, and writes nothing."""
        before = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}
        result = self.check(*argv, canonical=canonical)
        self.assertEqual(result.code, 1, f"the check passes:\n{result.text}")
        for part in parts:
            self.assertIn(part, result.text)
        self.assertEqual(before, {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()})
        return result.text
