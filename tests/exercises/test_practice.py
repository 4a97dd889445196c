"""The learner's verbs, from the first attempt to the solution."""
import threading
import time
import unittest
import xml.etree.ElementTree as xml

from coursetool import practice
from coursetool.errors import CourseError
from coursetool.exercises import load_exercises
from coursetool.steps import load_steps
from coursetool.workbench import Workbench
from tests.exercises.house import EXERCISE, House


class Practice(House):
    def check(self, *words: str) -> tuple[int, str]:
        return self.told(practice.check, "release", list(words))

    def mine(self) -> str:
        return (self.root / "work/step00/1_add/answer.h").read_text(encoding="utf-8")

    def test_the_first_check_lays_out_the_starter_and_shows_the_task(self):
        code, told = self.check("00", "1")
        self.assertEqual(code, 1)
        self.assertEqual(self.mine(), "// TODO(1)\n")
        self.assertIn("Exercise 00 1: Add two numbers  (fill in, 5 minutes, 1 of 1)\n\nWrite the sum of `answer.h`.\n", told)
        self.assertTrue(told.endswith("→ write in work/step00/1_add/answer.h, then ./course check 00 1\n"))

    def test_what_was_expected_what_was_found_and_which_hint_helps(self):
        self.answer("// nothing yet")
        code, told = self.check("00", "1")
        self.assertEqual(code, 1)
        self.assertEqual(told, "00 1  Add two numbers  failed\n  ✗ is the sum\n      One and two\n"
                         "      expected  3\n      found     -1\n  ✗ of nothing\n"
                         "  (details are shown for the first ✗ only)\n"
                         "  hint 2 of 3 is about this: ./course hint 00 1 2\n\n"
                         "→ change work/step00/1_add/answer.h, then ./course check 00 1\n")

    def test_of_predictions_every_answer_is_judged(self):
        self.exercise("1_add", EXERCISE.replace('"fill"', '"predict"'))
        self.answer("// nothing yet")
        self.assertIn("found     -1\n  ✗ of nothing\n      sum(0, 0)\n      expected  is equal to 0\n      found     9\n"
                      "  hints 1 and 2 are about these: ./course hint 00 1 1, ./course hint 00 1 2\n", self.check("00", "1")[1])

    def test_the_hint_is_that_of_what_fails_first(self):
        self.answer("SUM")
        self.assertIn("  ✓ is the sum\n  ✗ of nothing\n      sum(0, 0)\n      expected  is equal to 0\n      found     9\n"
                      "  hint 1 of 3 is about this", self.check("00", "1")[1])

    def test_what_was_written_is_never_overwritten(self):
        self.answer("SUM ZERO mine")
        code, told = self.check("00", "1")
        self.assertEqual((code, self.mine()), (0, "SUM ZERO mine"))
        self.assertIn("00 1  Add two numbers  passed", told)
        self.told(practice.next_one, [])
        self.assertEqual(self.mine(), "SUM ZERO mine")

    def test_a_compiler_error_is_shown_alone(self):
        self.answer("NONSENSE")
        code, told = self.check("00", "1")
        self.assertEqual(code, 1)
        self.assertIn("does not compile\n  work/step00/1_add/answer.h:3:10: error: 'NONSENSE' was not declared in this scope\n"
                      "      3 |   return NONSENSE;\n  (and 1 more error)\n", told)

    def test_a_crash_and_an_endless_loop(self):
        self.answer("CRASH")
        self.assertIn("crashed\n  ✗ is the sum: the program came to a sudden end", self.check("00", "1")[1])
        self.answer("ENDLESS")
        with unittest.mock.patch.dict("os.environ", {"COURSE_CHECK_SECONDS": "1"}):
            self.assertIn("does not end\n  ✗ is the sum: no end after 1 s", self.check("00", "1")[1])

    def test_all_of_a_step_and_all_that_were_begun(self):
        self.refused("no exercise is begun yet", practice.check, "release", [], exit_code=2)
        self.exercise("2_more")
        self.answer("SUM ZERO")
        code, told = self.check("00")
        self.assertEqual(code, 1)
        self.assertIn("00 2  Add two numbers  not begun\n  laid out in work/step00/2_more; ./course next 00 2 shows the task\n", told)
        self.assertIn("1 of 2 exercises pass\n→ write in work/step00/2_more/answer.h, then ./course check 00 2", told)
        self.answer("SUM ZERO", "2_more")
        self.assertEqual(self.check()[0], 0)

    def test_junit(self):
        self.answer("// nothing yet")
        self.check("00", "1", "--junit", str(self.root / "grades.xml"))
        self.assertEqual(xml.parse(self.root / "grades.xml").getroot().get("failures"), "2")
        self.refused("--junit needs a file", practice.check, "release", ["00", "--junit"], exit_code=2)

    def test_hints_come_one_by_one(self):
        for number, text in ((1, "What is the sum of nothing?"), (2, "Think of plus."), (3, "a + b"), (3, "You have seen all 3 hints")):
            code, told = self.told(practice.hint, ["00", "1"])
            self.assertEqual(code, 0)
            self.assertIn(f"hint {number} of 3", told)
            self.assertIn(text, told)
        self.refused("exercise 00 1 has no hint '4'; it has 1 to 3", practice.hint, ["00", "1", "4"], exit_code=2)

    def test_the_hint_that_a_check_names_can_be_shown_before_the_others(self):
        self.assertIn("Think of plus.", self.told(practice.hint, ["00", "1", "2"])[1])
        self.assertIn("a + b", self.told(practice.hint, ["00", "1"])[1])  # the next is behind it
        self.assertIn("What is the sum of nothing?", self.told(practice.hint, ["00", "1"])[1])

    def test_the_solution_is_for_those_who_passed_or_gave_up(self):
        self.refused("exercise 00 1 has not passed yet, and 3 of its hints are unseen", practice.solution, ["00", "1"])
        code, told = self.told(practice.solution, ["00", "1", "--give-up"])
        self.assertIn("SUM ZERO", told)
        self.assertEqual(self.told(practice.solution, ["00", "1"])[0], 0)  # once is enough
        self.told(practice.reset, ["00", "1"])
        self.answer("SUM and ZERO")
        self.check("00", "1")
        told = self.told(practice.solution, ["00", "1"])[1]
        self.assertIn("-SUM and ZERO\n+SUM ZERO\n", told)

    def test_without_solutions(self):
        for file in (self.root / "step00_start/exercises/solutions/1_add").iterdir():
            file.unlink()
        (self.root / "step00_start/exercises/solutions/1_add").rmdir()
        self.refused("handed out without its solutions", practice.solution, ["00", "1", "--give-up"])

    def test_reset_keeps_what_was_written(self):
        for text in ("first", "second"):
            self.answer(text)
            code, told = self.told(practice.reset, ["00", "1"])
            self.assertEqual((code, self.mine()), (0, "// TODO(1)\n"))
        kept = sorted((self.root / "work/kept").glob("*/answer.h"))
        self.assertEqual(sorted(file.read_text(encoding="utf-8") for file in kept), ["first", "second"])
        self.assertIn("your work is kept in work/kept/step00_1_add_", told)

    def test_next_leads_through_the_course(self):
        self.exercise("2_more")
        told = self.told(practice.next_one, [])[1]
        self.assertIn("read  step00_start/README.md\n  run   ./course run 00\n", told)
        self.assertIn("Exercise 00 1: Add two numbers  (fill in, 5 minutes, 1 of 2)\n\nWrite the sum of `answer.h`.\n", told)
        self.assertEqual(self.mine(), "// TODO(1)\n")
        self.answer("SUM ZERO")
        self.check("00", "1")
        self.assertIn("Exercise 00 2", self.told(practice.next_one, [])[1])
        self.told(practice.solution, ["00", "2", "--give-up"])
        self.assertIn("All 2 exercises are done", self.told(practice.next_one, [])[1])
        self.assertIn("Exercise 00 1", self.told(practice.next_one, ["00", "1"])[1])

    def test_next_goes_on_behind_what_was_graded_last(self):
        for name in ("2_more", "3_most"):
            self.exercise(name)
        self.answer("SUM ZERO", "2_more")
        self.check("00", "2")
        self.assertIn("Exercise 00 3", self.told(practice.next_one, [])[1])
        self.answer("SUM ZERO", "3_most")
        self.check("00", "3")
        self.assertIn("Exercise 00 1", self.told(practice.next_one, [])[1])
        self.assertEqual(self.check()[0], 0)  # what was only laid out was not begun

    def test_progress_in_the_list(self):
        self.exercise("2_more")
        self.exercise("3_most")
        self.answer("SUM ZERO")
        self.check("00", "1")
        self.answer("SUM", "2_more")
        self.check("00", "2")
        self.told(practice.next_one, ["00", "3"])
        steps = load_steps(self.root)
        line = practice.progress_line(steps[0], load_exercises(steps), Workbench.open(self.root))
        self.assertEqual(line, "exercises ✓ … ·  1 of 3")

    def test_a_broken_record_is_said_to_be_one(self):
        self.write("work/progress.json", "{")
        self.refused("work/progress.json cannot be read", practice.check, "release", ["00"])

    def test_so_is_one_of_other_things(self):
        entry = '{"hints": [1], "passed": true, "gave_up": false}'
        self.write("work/progress.json", '{"last": "", "exercises": {"00_1": %s}}' % entry)
        self.assertEqual(Workbench.open(self.root).table["00_1"].hints, [1])
        for text in ("[]", "null", '{"last": "", "exercises": []}', '{"last": 3, "exercises": {}}', '{"exercises": {}}', "[" * 100_000,
                     '{"last": "", "exercises": {"00_1": 3}}', '{"last": "", "exercises": {"00_1": %s}}' % entry.replace("[1]", '"12"'),
                     '{"last": "", "exercises": {"00_1": %s}}' % entry.replace("[1]", "[1e999]"),
                     '{"last": "", "exercises": {"00_1": %s}}' % entry.replace("true", '"no"'),
                     '{"last": "", "exercises": {"00_1": {}}}', '{"last": "\\ud800", "exercises": {"\x1b": 3}}', '"' + "x" * 2_000_000 + '"'):
            self.write("work/progress.json", text)
            with self.assertRaisesRegex(CourseError, "work/progress.json cannot be read") as raised:
                Workbench.open(self.root)
            self.assertLess(len(str(raised.exception)), 500)
            self.assertTrue(str(raised.exception).isprintable())

    def test_watch_checks_with_every_save_until_it_passes(self):
        def work():
            for text in ("SUM", "SUM ZERO"):
                time.sleep(1)
                self.answer(text)
        learner = threading.Thread(target=work)
        learner.start()
        code, told = self.told(practice.watch, "release", ["00", "1"])
        learner.join()
        self.assertEqual(code, 0)
        self.assertEqual([line for line in told.splitlines() if line.startswith("00 1")][-1], "00 1  Add two numbers  passed")
        self.assertGreaterEqual(told.count("watching work/step00/1_add/answer.h"), 1)


if __name__ == "__main__":
    unittest.main()
