"""A course of one step with two exercises in a temporary folder, and a compiler that is none."""
import contextlib
import io
import os
import tempfile
import textwrap
import unittest
import unittest.mock
from pathlib import Path

from coursetool.errors import CourseError

STEP = '''\
title = "A start"
minutes = 10
idea = "It begins."
new = ["all of it"]
terms = []

[[programs]]
name = "main"
summary = "nothing"
args = []
'''
EXERCISE = '''\
title = "Add two numbers"
kind = "fill"
minutes = 5
files = ["answer.h"]
fails_at = "Sum.IsTheSum"
parts = 2

[[hints]]
helps = ["Sum.OfNothing"]
text = "What is the sum of nothing?"

[[hints]]
helps = ["Sum.IsTheSum"]
text = "Think of plus."

[[hints]]
text = "a + b"
'''
WRONG = '''\
[[wrong]]
name = "minus"
why = "The other sign."
fails_at = "Sum.IsTheSum"
undoes = 1
edits = [{ old = "SUM", new = "MINUS" }]

[[wrong]]
name = "nothing"
why = "Nothing is forgotten."
fails_at = "Sum.OfNothing"
undoes = 2
edits = [{ old = "ZERO", new = "" }]
'''
CHECK = "TEST(Sum, IsTheSum) {}\nTEST(Sum, OfNothing) {}\n"
# Stands in for CMake: an exercise's program says what the words in the learner's file tell it to.
CMAKE = '''\
#!/usr/bin/env python3
import json, pathlib, re, stat, sys
words = sys.argv[1:]
if words[0] != "--build":
    sys.exit(0)
build = pathlib.Path(words[1])
targets = words[3:words.index("--")]
(build / "exercises").mkdir(parents=True, exist_ok=True)
bad = 0
for number, target in enumerate(targets, 1):
    variant = build / "variants" / target
    step, exercise = re.match(r"step(\\d\\d)_exercise(\\d)", target).groups()
    folder = variant if variant.is_dir() else next((build.parents[1] / "work" / f"step{step}").glob(f"{exercise}_*"))
    text = (folder / "answer.h").read_text()
    if "NONSENSE" in text:
        print(f"[{number}/9] Building CXX object")
        print(f"FAILED: CMakeFiles/{target}.dir/step00_start/exercises/check.cpp.o")
        print("ccache c++ -O2 ...")
        print(f"{folder}/answer.h: In function 'int sum(int, int)':")
        print(f"{folder}/answer.h:3:10: error: 'NONSENSE' was not declared in this scope")
        print("    3 |   return NONSENSE;")
        print(f"{folder}/answer.h:4:1: error: and so on")
        bad = 1
        continue
    failures = []
    def check(name, ok, message):
        failures.append({"name": name, **({} if ok else {"failures": [{"failure": f"/src/check.cpp:7\\n{message}", "type": ""}]})})
    check("IsTheSum", "SUM" in text, "Expected equality of these values:\\n  sum(1, 2)\\n    Which is: -1\\n  3\\nOne and two")
    check("OfNothing", "ZERO" in text, "Value of: sum(0, 0)\\nExpected: is equal to 0\\n  Actual: 9 (of type int)")
    told = json.dumps({"time": "0.1s", "testsuites": [{"name": "Sum", "testsuite": failures}]})
    program = build / "exercises" / target
    program.unlink(missing_ok=True)
    program.write_text(f"""#!/usr/bin/env python3
import os, pathlib, sys, time
print("[ RUN      ] Sum.IsTheSum", flush=True)
if {"CRASH" in text}: os.abort()
if {"ENDLESS" in text}: time.sleep(60)
pathlib.Path(sys.argv[1].removeprefix("--gtest_output=json:")).write_text({told!r})
sys.exit({int(any("failures" in one for one in failures))})
""")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
if bad:
    print("ninja: build stopped: cannot make progress due to previous errors.")
sys.exit(bad)
'''


class House(unittest.TestCase):
    """The temporary course; `self.root` is where it is."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()
        self.write("step00_start/step.toml", STEP)
        self.exercise("1_add")
        self.write("build/release/build.ninja", "")
        self.write("bin/cmake", CMAKE)
        (self.root / "bin" / "cmake").chmod(0o755)
        environment = {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "NO_COLOR": "1", "COURSE_CHECK_SECONDS": "20"}
        for patch in (unittest.mock.patch.dict(os.environ, environment), unittest.mock.patch("coursetool.packages.install")):
            patch.start()
            self.addCleanup(patch.stop)

    def exercise(self, name: str, manifest: str = EXERCISE) -> None:
        here = f"step00_start/exercises/{name}"
        self.write(f"{here}/exercise.toml", manifest)
        self.write(f"{here}/TASK.md", "# Add two numbers\n\nWrite the sum of `answer.h`.\n")
        self.write(f"{here}/check.cpp", CHECK)
        self.write(f"{here}/starter/answer.h", "// TODO(1)\n")
        self.write(f"step00_start/exercises/solutions/{name}/answer.h", "SUM ZERO\n")
        self.write(f"step00_start/exercises/solutions/{name}/wrong.toml", WRONG)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def answer(self, text: str, name: str = "1_add") -> None:
        """What the learner writes."""
        self.write(f"work/step00/{name}/answer.h", text)

    def told(self, act, *arguments) -> tuple[int, str]:
        """What a verb returns and prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            code = act(self.root, *arguments)
        return code, printed.getvalue()

    def refused(self, message: str, act, *arguments, exit_code: int = 1) -> None:
        """That a verb stops with an error that has this in it."""
        with self.assertRaises(CourseError) as raised, contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            act(self.root, *arguments)
        self.assertIn(message, str(raised.exception))
        self.assertEqual(raised.exception.exit_code, exit_code)
