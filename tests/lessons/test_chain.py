"""A change of one lesson goes through those behind it: what arrives, what stays, and what is refused."""
import contextlib
import io
import os
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock
from pathlib import Path

from coursetool import chain
from coursetool.changes import code_files
from coursetool.errors import CourseError
from tests.lessons.house import STEP_TOML, Result

ROOT = Path(__file__).resolve().parents[2]

TWICE = """\
// Twice as much.
int twice(int x) {
  return 2 * x;
}
"""

HALF = """\

// Half of it.
int half(int x) {
  return x / 2;
}
"""

MAIN = """\
// Prints numbers.
#include <cstdio>

// region twice
{twice}// endregion

int main() {{
  std::printf("one\\n");
  std::printf("two\\n");
  std::printf("three\\n");
{more}}}
"""

TWIN = '''\
"""{name} in Python."""


def twice(x):
    return 2 * x


def half(x):
    return x // 2


print(twice(1), half(2))
'''


class Chain(unittest.TestCase):
    """Each test has a course of five small steps, all of it committed."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="course-chain-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve() / "course"
        self.root.mkdir()
        environment = unittest.mock.patch.dict(os.environ, GIT_CEILING_DIRECTORIES=str(self.root.parent), GIT_EDITOR="true",
                                               GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
        environment.start()
        self.addCleanup(environment.stop)
        self.build()

    def build(self) -> None:
        """00, 01: main.cpp and a twin in Python; 02 prints more; 03 moves twice() to a file; 04 prints still more."""
        more = ""
        for number, name in enumerate(("start", "same", "more", "moved", "last")):
            folder = f"step{number:02}_{name}"
            self.write(f"{folder}/step.toml", STEP_TOML.format(name=name, minutes=10, budget="diff_budget = 9" if number else ""))
            self.write(f"{folder}/README.md", f"# The {name}\n")
            self.write(f"{folder}/expected/main.txt", f"{name}\n")
            self.write(f"{folder}/CMakeLists.txt", "add_step(SOURCES twice.cpp)\n" if number >= 3 else "add_step()\n")
            more += f'  std::printf("{name}\\n");\n' if number in (2, 4) else ""
            self.write(f"{folder}/main.cpp", MAIN.format(twice=TWICE + HALF if number < 3 else "int twice(int);\n", more=more))
            if number >= 3:
                self.write(f"{folder}/twice.cpp", "// Multiplies.\n" + TWICE + HALF)
            self.write(f"{folder}/python/{name}.py", TWIN.format(name=name))
        self.git("init", "--quiet")
        self.commit()

    def commit(self) -> None:
        self.git("add", "--all", ":(exclude)build")
        self.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=x")

    def git(self, *words: str, folder: str = "") -> str:
        done = subprocess.run(["git", *words], cwd=self.root / folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stdout}{done.stderr}")
        return done.stdout

    def path(self, name: str) -> Path:
        """`02/main.cpp`: a file of that step; another name: one below the root."""
        label, slash, rest = name.partition("/")
        return (next(self.root.glob(f"step{label}_*")) / rest) if label.isdigit() and slash else self.root / name

    def write(self, name: str, text: str) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return self.path(name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces what must be there exactly once."""
        text = self.read(name)
        self.assertEqual(text.count(old), 1, f"'{old}' in {name}:\n{text}")
        self.write(name, text.replace(old, new))

    def snapshot(self) -> dict[str, bytes]:
        """Every file of the lessons."""
        return {path.relative_to(self.root).as_posix(): path.read_bytes()
                for folder in self.root.glob("step*") for path in sorted(folder.rglob("*")) if path.is_file()}

    def chain(self, *words: str) -> Result:
        with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.redirect_stderr(text):
            try:
                code = chain.main(self.root, list(words))
            except CourseError as error:
                print(f"error: {error}")
                code = error.exit_code
        return Result(code, text.getvalue())

    def done(self, *words: str) -> str:
        result = self.chain(*words)
        self.assertEqual(result.code, 0, result.text)
        return result.text

    def refused(self, *words: str, saying: str, code: int = 1) -> None:
        """The call ends with one sentence that holds `saying`, and no lesson is touched."""
        before = self.snapshot()
        result = self.chain(*words)
        self.assertEqual(result.code, code, result.text)
        self.assertIn(saying, result.text.splitlines()[-1])
        self.assertEqual(self.snapshot(), before)

    def becomes(self, before: dict[str, bytes], changed: dict[str, str | None]) -> None:
        """The lessons are as `before`, but for the files of `changed` (None: it is gone)."""
        wanted = before | {name: text.encode() for name, text in changed.items() if text is not None}
        for name in (name for name, text in changed.items() if text is None):
            del wanted[name]
        now = self.snapshot()
        self.assertEqual(sorted(now), sorted(wanted))
        for name, content in wanted.items():
            self.assertEqual(now[name].decode(), content.decode(), name)

    def tree(self, revision: str, folder: str = "build/chain") -> list[str]:
        return self.git("ls-tree", "-r", "--name-only", revision, folder=folder).split()


class Carry(Chain):
    def test_a_change_arrives_in_every_step_and_each_keeps_what_is_its_own(self):
        before = {name: content.decode() for name, content in self.snapshot().items()}
        self.edit("00/main.cpp", '("one', '("ONE')
        self.edit("00/README.md", "start", "beginning")
        text = self.done("carry", "00")
        self.assertIn("git rebase", text)
        self.assertTrue(text.endswith("step01_same   main.cpp\nstep02_more   main.cpp\nstep03_moved  main.cpp\nstep04_last   main.cpp\n"), text)
        changed = {f"{step}/main.cpp": before[f"{step}/main.cpp"].replace('"one', '"ONE')
                   for step in ("step00_start", "step01_same", "step02_more", "step03_moved", "step04_last")}
        self.becomes({name: content.encode() for name, content in before.items()},
                     changed | {"step00_start/README.md": "# The beginning\n"})
        self.assertIn('  std::printf("more\\n");\n  std::printf("last\\n");\n', self.read("04/main.cpp"))

    def test_a_twin_with_another_name_and_no_earlier_step(self):
        self.edit("01/python/same.py", "2 * x", "x + x")
        text = self.done("carry", "same")
        self.assertNotIn("step01", text.split("main)\n")[-1])
        for step, name in (("00", "start"), ("02", "more"), ("03", "moved"), ("04", "last")):
            self.assertEqual("x + x" in self.read(f"{step}/python/{name}.py"), step != "00")
            self.assertIn(f'"""{name} in Python."""', self.read(f"{step}/python/{name}.py"))

    def test_a_change_that_the_next_step_has_made_already(self):
        self.edit("02/CMakeLists.txt", "add_step()", "add_step(SOURCES twice.cpp)")
        text = self.done("carry", "02")
        self.assertTrue(text.endswith("step03_moved  nothing to carry\nstep04_last   nothing to carry\n"), text)

    def test_a_new_file(self):
        before = self.snapshot()
        self.write("02/models/extra.h", "// More.\n")
        self.write("02/configs/cnn.toml", "a = 1\n")
        for other in ("notes.txt", "exercises/solution.cpp", "expected/main.txt", "python/table.csv"):
            self.write(f"02/{other}", "not carried\n")
        mine = self.snapshot()
        text = self.done("carry", "02")
        self.assertIn("step03_moved  configs/cnn.toml (new), models/extra.h (new)\n", text)
        self.becomes(before | mine, {f"{step}/{name}": content for step in ("step03_moved", "step04_last")
                                     for name, content in (("models/extra.h", "// More.\n"), ("configs/cnn.toml", "a = 1\n"))})

    def test_a_file_that_is_removed_with_its_folder(self):
        for step in ("03", "04"):
            self.write(f"{step}/models/extra.h", "// More.\n")
        self.commit()
        before = self.snapshot()
        shutil.rmtree(self.path("03/models"))
        self.assertIn("step04_last  models/extra.h (removed)\n", self.done("carry", "03"))
        self.becomes(before, {"step03_moved/models/extra.h": None, "step04_last/models/extra.h": None})
        self.assertFalse(self.path("04/models").exists())

    def test_bytes_and_modes_stay(self):
        self.path("04/main.cpp").chmod(0o755)
        for step in ("03", "04"):
            self.path(f"{step}/twice.cpp").write_bytes("// Größe\r\n\r\nint a;\n\nint b;".encode())  # its last line unended
        self.commit()
        self.path("03/twice.cpp").write_bytes("// Größe\r\n\r\nint a;\n\nint c;".encode())
        self.edit("03/main.cpp", "one", "ONE")
        self.done("carry", "03")
        self.assertEqual(self.path("04/twice.cpp").read_bytes(), "// Größe\r\n\r\nint a;\n\nint c;".encode())
        self.assertEqual(self.path("04/main.cpp").stat().st_mode & 0o777, 0o755)

    def test_nobodys_settings_matter(self):
        """Settings that would stop a rebase, or change what is merged."""
        settings = self.root.parent / "settings"
        settings.write_text("[commit]\ngpgSign = true\n[gpg]\nprogram = false\n[core]\nautocrlf = true\nhooksPath = hooks\n"
                            f"excludesFile = {self.root.parent}/ignored\n[merge]\nrenames = false\n", encoding="utf-8")
        (self.root.parent / "ignored").write_text("*.cpp\n", encoding="utf-8")
        self.edit("01/python/same.py", "2 * x", "x + x")
        self.edit("01/main.cpp", "one", "ONE")
        with unittest.mock.patch.dict(os.environ, GIT_CONFIG_GLOBAL=str(settings), GIT_DIR="/nowhere", GIT_AUTHOR_DATE="x"):
            self.done("carry", "01")
        self.assertIn("x + x", self.read("04/python/last.py"))
        self.assertIn("ONE", self.read("04/main.cpp"))
        self.assertNotIn("\r", self.path("04/main.cpp").read_bytes().decode())

    def test_in_a_worktree_and_below_the_top_of_a_repository(self):
        self.git("worktree", "add", "--quiet", "--detach", str(self.root.parent / "tree"))
        below = self.root.parent / "outer" / "inner"
        shutil.copytree(self.root, below, ignore=shutil.ignore_patterns(".git"))
        self.root = below.parent
        self.git("init", "--quiet")
        self.commit()
        for folder in (self.root.parent / "tree", below):
            self.root = folder
            self.edit("00/main.cpp", "one", "ONE")
            self.done("carry", "00")
            self.assertIn("ONE", self.read("04/main.cpp"))

    def test_nothing_to_carry(self):
        self.edit("00/README.md", "start", "beginning")  # no code
        self.assertEqual(self.done("carry", "00"), "nothing to carry: the code of step00_start is as it was committed\n")
        self.edit("04/main.cpp", "one", "ONE")
        self.assertEqual(self.done("carry", "04"), "nothing to carry: no lesson comes behind step04_last\n")
        self.assertFalse(self.path("build").exists())

    def test_refused_where_later_steps_have_changes_of_their_own(self):
        self.edit("01/main.cpp", "one", "ONE")
        self.edit("00/main.cpp", "one", "EINS")  # before it: of no matter
        self.write("03/new.h", "// New.\n")
        self.refused("carry", "01", saying="step03_moved/new.h is not as it was committed")
        self.path("03/new.h").unlink()
        self.edit("04/python/last.py", "2 * x", "3 * x")
        self.refused("carry", "01", saying="step04_last/python/last.py is not as it was committed")
        self.git("checkout", "--quiet", "step04_last")
        self.write("04/README.md", "# Else\n")
        self.done("carry", "01")
        self.assertIn("ONE", self.read("04/main.cpp"))
        self.assertIn("EINS", self.read("00/main.cpp"))

    def test_what_git_does_not_know(self):
        shutil.copytree(self.root / "step04_last", self.root / "step05_newest")
        self.refused("carry", "05", saying="no code of step05_newest is committed")
        self.edit("04/main.cpp", "one", "ONE")
        self.refused("carry", "04", saying="step05_newest/CMakeLists.txt is not as it was committed")
        shutil.rmtree(self.root / ".git")
        self.refused("carry", "04", saying="git knows no commit in")


class Conflict(Chain):
    """02 has a change in twice(), which 03 has moved from main.cpp to twice.cpp."""

    def setUp(self):
        super().setUp()
        self.edit("02/main.cpp", "2 * x", "x + x")
        self.before = self.snapshot()
        self.refused("carry", "02", saying="the change does not fit step03_moved by itself: mend main.cpp in")
        self.merged = self.root / "build" / "chain"

    def resolve(self) -> None:
        self.git("checkout", "--theirs", "main.cpp", folder="build/chain")
        self.edit("build/chain/twice.cpp", "2 * x", "x + x")
        self.git("add", "--all", folder="build/chain")
        self.git("rebase", "--continue", folder="build/chain")

    def test_mended_once_it_goes_on_by_itself(self):
        self.assertIn("|||||||", (self.merged / "main.cpp").read_text(encoding="utf-8"))
        self.resolve()
        text = self.done("back")
        self.assertIn("step02_more   nothing to carry\nstep03_moved  twice.cpp\nstep04_last   twice.cpp\n", text)
        self.becomes(self.before, {f"{step}/twice.cpp": "// Multiplies.\n" + TWICE.replace("2 * x", "x + x") + HALF
                                   for step in ("step03_moved", "step04_last")})
        self.assertNotIn("step03_moved  ", self.done("back").replace("step03_moved  nothing to carry", ""))

    def test_a_rebase_that_is_going_on_is_neither_written_back_nor_lost(self):
        self.refused("back", saying="a rebase is still going on")
        self.refused("make", saying="a rebase is still going on")
        self.refused("carry", "02", saying="a rebase is still going on")
        self.resolve()
        self.refused("carry", "02", saying="holds changes that are not in the lessons yet")
        self.refused("make", saying="holds changes that are not in the lessons yet")

    def test_given_up(self):
        """The branch is then without the change: nothing may take it out of the lesson."""
        self.git("rebase", "--abort", folder="build/chain")
        self.refused("back", saying="its rebase was given up")
        self.refused("carry", "02", saying="the change does not fit step03_moved")

    def test_a_lesson_that_is_edited_meanwhile(self):
        self.resolve()
        self.edit("00/main.cpp", "one", "ONE")
        self.refused("back", saying="step00_start/main.cpp was changed since")
        self.git("checkout", "--quiet", "step00_start")
        self.write("04/extra.h", "// More.\n")
        self.refused("back", saying="step04_last/extra.h was changed since")
        self.path("04/extra.h").unlink()
        self.write("04/README.md", "# A page is no code\n")
        self.done("back")

    def test_a_mark_that_was_left(self):
        self.git("add", "--all", folder="build/chain")
        self.git("rebase", "--continue", folder="build/chain")
        self.refused("back", saying="main.cpp:5 in the commit step03 of")

    def test_an_uncommitted_file(self):
        self.resolve()
        self.write("build/chain/new.h", "// New.\n")
        self.refused("back", saying="new.h in ")
        self.path("build/chain/new.h").unlink()
        self.write("build/chain/new.h.orig", "of a merge tool\n")
        self.done("back")

    def test_a_file_that_the_next_step_has_not(self):
        shutil.rmtree(self.merged)
        self.git("checkout", "--quiet", ".")
        self.write("02/old.h", "// Old.\n")
        self.commit()
        self.write("02/old.h", "// Older.\n")
        before = self.snapshot()
        result = self.chain("carry", "02")
        self.assertIn("old.h: step03 has no such file any more", result.text)
        self.git("rm", "--quiet", "old.h", folder="build/chain")
        self.git("rebase", "--continue", folder="build/chain")
        self.done("back")
        self.becomes(before, {})


class MakeAndBack(Chain):
    def test_one_commit_for_each_step(self):
        self.write("02/exercises/solution.cpp", "int a;\n")
        self.write("02/configs/cnn.toml", "a = 1\n")
        text = self.done("make")
        self.assertIn("5 commits", text)
        subjects = self.git("log", "--reverse", "--format=%s", folder="build/chain").splitlines()
        self.assertEqual(subjects, ["step00: The start", "step01: The same", "step02: The more", "step03: The moved", "step04: The last"])
        self.assertEqual(self.tree("step02"), ["CMakeLists.txt", "configs/cnn.toml", "main.cpp", "python/more.py"])
        self.assertEqual(self.tree("main"), ["CMakeLists.txt", "main.cpp", "python/last.py", "twice.cpp"])
        self.assertEqual(self.git("rev-parse", "main", folder="build/chain"), self.git("rev-parse", "step04", folder="build/chain"))
        self.assertEqual(self.git("status", "--porcelain", folder="build/chain"), "")
        before = self.snapshot()
        self.done("back")
        self.becomes(before, {})

    def test_an_edited_commit_goes_through_the_rebase_into_the_lessons(self):
        self.done("make", str(self.root / "elsewhere"))
        before = {name: content.decode() for name, content in self.snapshot().items()}
        self.git("checkout", "--quiet", "--detach", "step01", folder="elsewhere")
        self.edit("elsewhere/main.cpp", "one", "ONE")
        self.write("elsewhere/extra.h", "// More.\n")
        self.git("add", "--all", folder="elsewhere")
        self.git("commit", "--quiet", "--amend", "--no-edit", folder="elsewhere")
        new = self.git("rev-parse", "HEAD", folder="elsewhere").strip()
        self.refused("back", str(self.root / "elsewhere"), saying="but it has step00, step01")
        self.git("rebase", "--quiet", "--onto", new, "step01", "main", folder="elsewhere")
        text = self.done("back", str(self.root / "elsewhere"))
        self.assertIn("step00_start  nothing to carry\nstep01_same   extra.h (new), main.cpp\n", text)
        later = ("step01_same", "step02_more", "step03_moved", "step04_last")
        self.becomes({name: content.encode() for name, content in before.items()},
                     {f"{step}/main.cpp": before[f"{step}/main.cpp"].replace('"one', '"ONE') for step in later}
                     | {f"{step}/extra.h": "// More.\n" for step in later})

    def test_commits_that_are_not_the_steps(self):
        self.done("make")
        self.git("commit", "--quiet", "--allow-empty", "--message=more", folder="build/chain")
        self.refused("back", saying="but it has step00, step01, step02, step03, step04, more")
        self.git("reset", "--quiet", "--hard", "step03", folder="build/chain")
        self.refused("back", saying="but it has step00, step01, step02, step03")
        self.git("reset", "--quiet", "--hard", "step04", folder="build/chain")
        self.git("commit", "--quiet", "--amend", "--message=step05: x", folder="build/chain")
        self.refused("back", saying="step03, step05")
        self.git("reset", "--quiet", "--hard", "step04", folder="build/chain")
        self.git("tag", "--delete", "step02", folder="build/chain")
        self.refused("back", saying="has no tag step02")

    def test_a_file_that_is_no_code(self):
        self.done("make")
        self.write("build/chain/notes.txt", "a\n")
        self.git("add", "notes.txt", folder="build/chain")
        self.refused("back", saying="notes.txt in ")
        self.git("commit", "--quiet", "--amend", "--no-edit", folder="build/chain")
        self.refused("back", saying="notes.txt in the commit step04 of ")

    def test_folders_that_are_no_chain(self):
        self.refused("back", saying="is no chain of lessons")
        self.refused("make", str(self.root), saying="is there already, and no chain of lessons")
        self.refused("make", str(self.root / "step00_start" / "main.cpp"), saying="is there already")
        (self.root / "empty").mkdir()
        self.done("make", str(self.root / "empty"))
        self.done("make", str(self.root / "empty"))  # it holds nothing that the lessons have not

    def test_all_or_nothing(self):
        """The third file cannot be written: the first two are put back."""
        self.done("make")
        self.edit("build/chain/main.cpp", "one", "ONE")
        self.write("build/chain/new/a.h", "// New.\n")
        self.write("build/chain/new/b.h", "// New.\n")
        self.git("add", "--all", folder="build/chain")
        self.git("commit", "--quiet", "--amend", "--no-edit", folder="build/chain")
        self.path("04/new/b.h").mkdir(parents=True)  # a folder is in the way
        self.refused("back", saying="step04_last/new/b.h cannot be written (Is a directory); all files are as they were")
        self.assertEqual([path.name for path in self.path("04/new").iterdir()], ["b.h"])
        shutil.rmtree(self.path("04/new"))
        self.assertIn("step04_last   main.cpp, new/a.h (new), new/b.h (new)\n", self.done("back"))

    def test_wrong_words(self):
        for words, message in (((), "takes carry, make or back"), (("cary", "01"), "did you mean 'carry'?"),
                               (("carry",), "takes one step, not 0"), (("carry", "01", "02"), "takes one step, not 2"),
                               (("carry", "99"), "there is no step '99'"), (("make", "a", "b"), "takes one folder, not 2"),
                               (("back", "--force"), "has no flag --force")):
            self.refused(*words, saying=message, code=2)


class Lessons(Chain):
    """The steps of the course itself, in a repository of their own."""

    def build(self) -> None:
        for folder in sorted(ROOT.glob("step[0-9][0-9]_*")):
            if (folder / "step.toml").is_file():
                shutil.copytree(folder, self.root / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
        self.git("init", "--quiet")
        self.commit()

    def test_all_code_of_a_diff_is_carried(self):
        for folder in sorted(self.root.glob("step*")):
            carried = chain.working_code(folder)
            self.assertLessEqual({path.relative_to(folder).as_posix() for path in code_files(folder)}, carried.keys())
            self.assertTrue(any(name.startswith("python/") for name in carried), folder.name)
            self.assertFalse(carried.keys() & {"README.md", "step.toml"})

    def test_a_comment_in_train_one_epoch(self):
        for folder in self.root.glob("step*"):
            if folder.name > "step06":  # which moves the function
                shutil.rmtree(folder)
        self.commit()
        line = "  torch::nn::CrossEntropyLoss criterion;\n"
        changed = "  torch::nn::CrossEntropyLoss criterion;  // carried\n"
        before = self.snapshot()
        later = self.read("05/main.cpp")
        self.edit("04/main.cpp", line, changed)
        mine = self.snapshot()
        self.assertTrue(self.done("carry", "04").endswith("step05_evaluation  main.cpp\n"))
        self.assertEqual(later.count(line), 1)
        self.becomes(before | mine, {"step05_evaluation/main.cpp": later.replace(line, changed)})

    def test_a_new_file_reaches_the_last(self):
        before = self.snapshot()
        self.write("00/extra.h", "// More.\n")
        self.done("carry", "00")
        self.becomes(before, {f"{folder.name}/extra.h": "// More.\n" for folder in self.root.glob("step*")})


if __name__ == "__main__":
    unittest.main()
