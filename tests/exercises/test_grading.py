"""Reading what GoogleTest and the compiler say."""
import os
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path
from unittest import mock

from coursetool import grading
from coursetool.grading import Check, Failure, Grade, Told
from coursetool.practice import sentence
from coursetool.steps import load_steps
from coursetool.exercises import load_exercises
from tests.exercises.house import House


class Messages(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(grading.told("Expected equality of these values:\n  all.size()\n    Which is: 8\n  10\nAn epoch of 10\n"),
                         Told("all.size()", "10", "8", "An epoch of 10"))
        self.assertEqual(grading.told("Expected equality of these values:\n  a\n    Which is: 8\n  b\n    Which is: 9\n"), Told("a", "9", "8"))
        self.assertEqual(grading.told('Expected equality of these values:\n  "none"\n  text\n    Which is: "no"\n'), Told("", '"no"', '"none"'))

    def test_matchers_and_truth(self):
        self.assertEqual(grading.told("Value of: x\nExpected: is equal to 5\n  Actual: 3 (of type long)\nthe third"), Told("x", "is equal to 5", "3", "the third"))
        self.assertEqual(grading.told("Value of: equal(a, b)\n  Actual: false\nExpected: true\nThe same"), Told("equal(a, b)", "true", "false", "The same"))

    def test_near(self):
        self.assertEqual(grading.told("The difference between f(1) and 0.5 is 0.25, which exceeds 1e-6, where\nf(1) evaluates to 0.25,\n"
                                      "0.5 evaluates to 0.5, and\n1e-6 evaluates to 9.9999999999999995e-07.\nHalf\n"),
                         Told("f(1)", "0.5 (±1e-06)", "0.25", "Half"))

    def test_comparisons_and_exceptions(self):
        self.assertEqual(grading.told("Expected: (a) < (b), actual: 3 vs 2"), Told("a", "< 2", "3"))
        self.assertEqual(grading.told("Expected: f() throws an exception of type X.\n  Actual: it throws nothing."),
                         Told("f()", "throws an exception of type X", "it throws nothing"))
        self.assertEqual(grading.told('C++ exception with description "it is empty\nException raised from get at a.h:1\nframe #0" thrown in the test body.'),
                         Told("", "no exception", "it is empty"))

    def test_numbers_are_as_short_as_they_can_be_read(self):
        self.assertEqual(grading.told("Value of: x\nExpected: is near 0.80000000000000004\n  Actual: 1.0000000000000001e-09").found, "1e-09")

    def test_the_rest_stays_as_it_is(self):
        self.assertEqual(grading.told("Failed\nfind() throws: no\n"), Told("", more="find() throws: no"))

    def test_names_as_sentences(self):
        self.assertEqual(sentence("Batches.TheLastOneIsShort"), "the last one is short")
        self.assertEqual(sentence("Pictures.PixelsAreScaledTo01"), "pixels are scaled to 01")
        self.assertEqual(sentence("Log.WritesCSV"), "writes CSV")


class Environment(unittest.TestCase):
    def test_what_googletest_listens_to_is_not_inherited(self):
        with tempfile.TemporaryDirectory() as folder:
            check = Path(folder, "check")
            check.write_text("#!/bin/sh\nenv > \"${1#--gtest_output=json:}\"\n", encoding="utf-8")
            check.chmod(0o755)
            seen = []
            suites = {"testsuites": [{"name": "Sum", "testsuite": [{"name": "Of"}]}], "time": "0.1s"}
            with mock.patch.dict(os.environ, {"GTEST_FILTER": "None.*", "COURSE_SEED": "1"}), \
                    mock.patch.object(grading.json, "loads", side_effect=lambda text: seen.append(text) or suites):
                grading.run(None, check)
        self.assertIn("GTEST_COLOR=no\n", seen[0])
        self.assertNotRegex(seen[0], "(?m)^(GTEST_FILTER|COURSE_SEED)=")


class Junit(House):
    def test_a_case_for_each_check(self):
        [one] = load_exercises(load_steps(self.root))
        grades = [Grade(one, grading.FAILED, (Check("Sum.IsTheSum"), Check("Sum.OfNothing", (Failure(7, "check.cpp", "Expected: (a) < (b), actual: 3 vs 2"),)))),
                  Grade(one, grading.NOT_COMPILED, detail="answer.h:1: error: <no>")]
        tree = xml.fromstring(grading.junit(grades))
        self.assertEqual((tree.get("tests"), tree.get("failures"), tree.get("errors")), ("3", "1", "1"))
        self.assertEqual([case.get("name") for case in tree.iter("testcase")], ["IsTheSum", "OfNothing", "Build"])
        self.assertEqual(tree.find(".//failure").get("message"), "a: expected < 2, found 3")
        self.assertEqual(tree.find(".//error").text, "answer.h:1: error: <no>")


if __name__ == "__main__":
    unittest.main()
