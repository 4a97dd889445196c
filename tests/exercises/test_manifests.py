"""exercise.toml and wrong.toml: what they say, and what is refused in them."""
import unittest
from pathlib import Path

from coursetool import exercises
from coursetool.steps import load_steps
from tests.exercises.house import EXERCISE, WRONG, House

ROOT = Path(__file__).resolve().parents[2]


class Manifests(House):
    def load(self, root: Path):
        return exercises.load_exercises(load_steps(root))

    def test_what_one_says(self):
        [one] = self.load(self.root)
        self.assertEqual((one.label, one.target, one.title, one.minutes, one.files), ("00 1", "step00_exercise1", "Add two numbers", 5, ("answer.h",)))
        self.assertEqual([hint.text for hint in one.hints], ["What is the sum of nothing?", "Think of plus.", "a + b"])
        self.assertEqual([(wrong.name, wrong.undoes, wrong.edits[0].new) for wrong in one.wrong], [("minus", 1, "MINUS"), ("nothing", 2, "")])

    def test_what_is_refused_in_an_exercise(self):
        for old, new, message in (
                ('kind = "fill"', 'kind = "guess"', "'kind' must be one of fill, next, predict, bug, test, write, but it is 'guess'"),
                ("minutes = 5", "minutes = 0", "'minutes' must be a whole number of minutes above 0, but it is 0"),
                ("minutes = 5", "minute = 5", "'minutes' is missing"),
                ('[[hints]]\ntext = "a + b"\n', "", "there are 2 hints; an exercise has 3 or more"),
                ('["answer.h"]', '["answers.h"]', "starter/answers.h is missing"),
                ("parts = 2", "part = 2", "unknown key 'part' (did you mean 'parts'?)")):
            self.assertIn(old, EXERCISE)
            self.exercise("1_add", EXERCISE.replace(old, new))
            self.refused(message, self.load)

    def test_what_is_refused_in_wrong_solutions(self):
        for old, new, message in (
                ('old = "SUM"', 'old = "PLUS"', "'old' must stand once in answer.h of the solution, but it is there 0 times: 'PLUS'"),
                ("undoes = 2\n", "", "no [[wrong]] undoes part 2 of 2"),
                ("undoes = 2", "undoes = 3", "it undoes part 3, but exercise.toml has parts = 2"),
                ('name = "nothing"', 'name = "minus"', "two wrong solutions have the same name"),
                ('name = "minus"', 'name = "solution"', "and not starter or solution, but it is 'solution'")):
            self.assertIn(old, WRONG)
            self.write("step00_start/exercises/solutions/1_add/wrong.toml", WRONG.replace(old, new))
            self.refused(message, lambda root: self.load(root)[0].wrong)
        self.exercise("1_add", EXERCISE.replace("parts = 2\n", ""))
        self.write("step00_start/exercises/solutions/1_add/wrong.toml", WRONG[:WRONG.index("[[wrong]]", 5)].replace("undoes = 1\n", ""))
        self.refused("there is 1 wrong solution; an exercise needs 2", lambda root: self.load(root)[0].wrong)

    def test_names_of_folders(self):
        self.exercise("3_last")
        self.refused("the exercises must be numbered 1, 2, ..., but 3_last stands where 2 should be", self.load)
        (self.root / "step00_start/exercises/3_last").rename(self.root / "step00_start/exercises/last")
        self.refused("an exercise's folder is named N_words_in_lower_case", self.load)

    def test_how_a_user_may_call_one(self):
        self.exercise("2_more")
        steps = load_steps(self.root)
        for words in (["00", "2"], ["0", "more"], ["step00_start", "2_more"], ["start", "2"]):
            self.assertEqual([one.label for one in exercises.find_exercises(steps, words, "check")], ["00 2"])
        self.assertEqual(len(exercises.find_exercises(steps, ["00"], "check")), 2)
        self.refused("has no exercise '7'; it has 1 Add two numbers; 2 Add two numbers",
                     lambda _: exercises.find_exercises(steps, ["00", "7"], "check"), exit_code=2)
        self.refused("which exercise of step00_start? ./course hint 00 N", lambda _: exercises.find_exercise(steps, ["00"], "hint"), exit_code=2)
        self.refused("./course check takes a step, and the number of an exercise", lambda _: exercises.find_exercises(steps, [], "check"), exit_code=2)


class TheCourse(unittest.TestCase):
    """What is asked of the exercises that the course has."""

    def setUp(self):
        self.steps = load_steps(ROOT)

    def test_two_or_more_for_each_step_and_a_bug_from_step_03_on(self):
        for step in self.steps:
            own = exercises.of_step(step)
            self.assertGreaterEqual(len(own), 2, step.folder.name)
            if step.number >= 3:
                self.assertIn("bug", [one.kind for one in own], step.folder.name)

    def test_every_kind_is_there(self):
        self.assertEqual({one.kind for one in exercises.load_exercises(self.steps)}, set(exercises.KINDS))

    def test_no_check_needs_a_later_step(self):
        for one in exercises.load_exercises(self.steps):
            for file in one.folder.rglob("*"):
                if file.is_file():
                    text = file.read_text(encoding="utf-8")
                    for later in self.steps[self.steps.index(one.step) + 1:]:
                        self.assertNotIn(later.folder.name, text, file)
                    if one.step.number < 12:
                        self.assertNotIn("lit/", text, file)


if __name__ == "__main__":
    unittest.main()
