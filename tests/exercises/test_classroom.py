"""The teacher's verbs: a course without solutions, and the grades of a class."""
import csv
import subprocess
import tarfile
import unittest
import xml.etree.ElementTree as xml

from coursetool import classroom
from tests.exercises.house import House


class Handout(House):
    def setUp(self):
        super().setUp()
        self.write("work/step00/1_add/answer.h", "the teacher's own")
        self.write(".gitignore", "/work/\n/build/\n/bin/\n")
        for command in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", "-C", self.root, *command], check=True)

    def test_a_folder_without_solutions(self):
        out = self.root / "bin" / "out"
        code, told = self.told(classroom.handout, [str(out)])
        self.assertEqual(code, 0)
        self.assertIn("2 files of solutions were left out", told)
        files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
        self.assertIn("step00_start/exercises/1_add/starter/answer.h", files)
        self.assertFalse([name for name in files if "solutions" in name or name.startswith("work/")])
        self.refused("is there already", classroom.handout, [str(out)], exit_code=2)

    def test_an_archive(self):
        out = self.root / "bin" / "course.tar.gz"
        self.told(classroom.handout, [str(out)])
        with tarfile.open(out) as archive:
            names = archive.getnames()
        self.assertIn("course/step00_start/exercises/1_add/TASK.md", names)
        self.assertFalse([name for name in names if "solutions" in name])

    def test_what_is_refused(self):
        self.refused("takes a folder or an archive", classroom.handout, [], exit_code=2)


class Class(House):
    def hand_in(self, learner: str, text: str, exercise: str = "1_add", work: str = "work/") -> None:
        self.write(f"class/{learner}/{work}step00/{exercise}/answer.h", text)

    def report(self, *words: str) -> str:
        code, told = self.told(classroom.report, "release", [str(self.root / "class"), *words])
        self.assertEqual(code, 0)
        return told

    def test_a_line_for_each_learner(self):
        self.exercise("2_more")
        self.hand_in("Ada", "SUM ZERO")
        self.hand_in("Ada", "SUM", "2_more")
        self.hand_in("Zoë 李", "SUM ZERO", work="")
        self.hand_in("Ben", "NONSENSE")
        self.hand_in("Eve", "CRASH")
        self.write("class/Nobody/notes.txt", "")
        self.assertEqual(self.report().splitlines(), [
            "learner     00/1  00/2  passed",
            "─" * 30,
            "Ada         pass   1/2  1 of 2",
            "Ben      compile     -  0 of 2",
            "Eve        crash     -  0 of 2",
            "Nobody         -     -  0 of 2",
            "Zoë 李      pass     -  1 of 2",
            "─" * 30,
            "passed         2     0"])

    def test_tables_for_programs(self):
        self.hand_in("Ada", "SUM ZERO")
        self.hand_in("Ben", "SUM")
        self.report("--csv", str(self.root / "grades.csv"), "--junit", str(self.root / "results"))
        with open(self.root / "grades.csv", encoding="utf-8") as file:
            self.assertEqual(list(csv.reader(file)), [["learner", "00/1", "passed"], ["Ada", "pass", "1"], ["Ben", "1/2", "0"]])
        self.assertEqual(xml.parse(self.root / "results" / "Ben.xml").getroot().get("failures"), "1")

    def test_the_files_of_a_class_are_read_only(self):
        self.hand_in("Ada", "SUM ZERO")
        before = sorted(path for path in (self.root / "class").rglob("*"))
        self.report()
        self.assertEqual(sorted(path for path in (self.root / "class").rglob("*")), before)
        self.assertEqual(list((self.root / "build/release/variants").iterdir()), [])

    def test_what_is_refused(self):
        self.refused("there is no folder", classroom.report, "release", [str(self.root / "class")], exit_code=2)
        self.write("class/Ada/notes.txt", "")
        self.refused("nothing was handed in", classroom.report, "release", [str(self.root / "class")], exit_code=2)


if __name__ == "__main__":
    unittest.main()
