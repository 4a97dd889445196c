"""The proof itself: what it finds fault with, and when an exercise counts as changed."""
import unittest
import unittest.mock

from coursetool import exercise_proof
from coursetool.exercises import load_exercises
from coursetool.steps import load_steps
from tests.exercises.house import EXERCISE, WRONG, House


class Proof(House):
    def setUp(self):
        super().setUp()
        patch = unittest.mock.patch("coursetool.exercise_proof.ROOT", self.root)
        patch.start()
        self.addCleanup(patch.stop)

    def prove(self) -> list[str]:
        problems = []
        self.told(lambda root: problems.extend(exercise_proof.prove(load_exercises(load_steps(root)), root / "build/release")) or 0)
        return problems

    def test_a_good_one(self):
        self.exercise("1_add", EXERCISE.replace('text = "a + b"', 'text = "a + b"'))
        self.assertEqual(self.prove(), [])

    def test_a_starter_that_passes_or_fails_elsewhere(self):
        self.write("step00_start/exercises/1_add/starter/answer.h", "SUM ZERO")
        self.assertEqual(self.prove(), ["00 1 Add two numbers: starter must fail at Sum.IsTheSum, but it passed"])
        self.write("step00_start/exercises/1_add/starter/answer.h", "SUM")
        self.assertIn("starter must fail at Sum.IsTheSum, but the first to fail is Sum.OfNothing", self.prove()[0])
        self.write("step00_start/exercises/1_add/starter/answer.h", "CRASH")
        self.assertIn("starter must fail at Sum.IsTheSum, but it crashed at Sum.IsTheSum", self.prove()[0])
        self.write("step00_start/exercises/1_add/starter/answer.h", "NONSENSE")
        self.assertIn("starter does not compile", self.prove()[0])

    def test_the_assertion_is_named_by_its_words(self):
        self.exercise("1_add", EXERCISE.replace('"Sum.IsTheSum"\nparts', '"Sum.IsTheSum: One and two"\nparts'))
        self.assertEqual(self.prove(), [])
        self.exercise("1_add", EXERCISE.replace('"Sum.IsTheSum"\nparts', '"Sum.IsTheSum: three"\nparts'))
        self.assertIn("starter must fail at Sum.IsTheSum: three, but", self.prove()[0])

    def test_a_wrong_solution_that_passes(self):
        self.write("step00_start/exercises/solutions/1_add/wrong.toml", WRONG.replace('new = "MINUS"', 'new = "PLUS SUM"'))
        self.assertEqual(self.prove(), ["00 1 Add two numbers: minus must fail at Sum.IsTheSum, but it passed"])

    def test_a_solution_that_fails(self):
        self.write("step00_start/exercises/solutions/1_add/answer.h", "SUM ZER0 ZERO".replace("ZERO", "", 0).replace(" ZERO", ""))
        self.write("step00_start/exercises/solutions/1_add/wrong.toml", WRONG.replace('old = "ZERO"', 'old = "ZER0"'))
        self.assertIn("solution failed at Sum.OfNothing", self.prove()[0])

    def test_texts_that_do_not_fit(self):
        self.write("step00_start/exercises/1_add/TASK.md", "# Add\n\nWrite it.\n")
        self.write("step00_start/exercises/1_add/check.cpp", "TEST(Sum, IsTheSum) {}\nTEST(Sum, OfThree) {}\n")
        self.assertEqual(self.prove(), ["00 1 Add two numbers: TASK.md does not name answer.h",
                                        "00 1 Add two numbers: a hint helps Sum.OfNothing, which check.cpp does not have",
                                        "00 1 Add two numbers: no hint helps Sum.OfThree"])

    def test_changed_is_what_it_includes(self):
        self.write("common/tool.h", '#include "deep.h"\n')
        self.write("common/deep.h", "int a;\n")
        self.write("common/deep.cpp", "int b;\n")
        check = self.write("step00_start/exercises/1_add/check.cpp", '#include "tool.h"\n#include "answer.h"\n' + "TEST(Sum, IsTheSum) {}\n")
        [one] = load_exercises(load_steps(self.root))
        seen = {exercise_proof.fingerprint(one)}
        for path, text in ((check, check.read_text() + "\n"), (self.root / "common/deep.h", "int c;\n"), (self.root / "common/deep.cpp", "int d;\n"),
                           (one.solution / "wrong.toml", WRONG + "\n"), (one.task, "# Other\n")):
            path.write_text(text, encoding="utf-8")
            seen.add(exercise_proof.fingerprint(one))
        self.assertEqual(len(seen), 6)
        self.write("common/unused.h", "int e;\n")
        self.assertIn(exercise_proof.fingerprint(one), seen)


if __name__ == "__main__":
    unittest.main()
