"""The comparison of outputs: what is never compared, what may differ elsewhere, and what must not."""
import unittest

from coursetool.compare import Difference, Rules, compare, dead_rules, line_range
from coursetool.steps import CanonicalOnly, Mask, Tolerance


def differ(expected: str, found: str, rules: Rules = Rules(), canonical: bool = True) -> list[Difference]:
    return compare(expected, found, rules, canonical)


class NeverCompared(unittest.TestCase):
    def test_times_rates_dates_and_paths(self):
        for one, other in (
                ("took 12.3 s", "took 840 ms"), ("31 µs each", "0.02 ms each"), ("1 min 02 s left", "59.9 s left"),
                ("2 h 05 min", "12 min 30 s"), ("(12.3s)", "(1,024.5s)"), ("5 ns", "1e-3 s"),
                ("4,120 images/s", "917 images/s"), ("3.1 batches/s", "31 batches/s"), ("1.5 GiB/s", "300 MiB/s"),
                ("12/s", "7.5/s"), ("on 2026-01-31", "on 2025-12-01"), ("at 17:45:01.123", "at 09:00"),
                ("2026-01-31T17:45:01Z start", "2025-01-31 07:45:01 start"), ("runs/20260131-174500/log", "runs/20250101-000000/log"),
                ("data: /usr/share/data/mnist", "data: /home/somebody/x"), ("in '/a/b.txt':", "in '/c/d/e.txt':")):
            with self.subTest(one=one):
                self.assertEqual(differ(one, other), [])
                self.assertNotEqual(differ(one, "something else"), [])

    def test_what_only_looks_like_it(self):
        for one, other in (
                ("20 min", "25 min"),                         # a lesson's length, not a measured time
                ("28 x 28", "28 x 29"), ("3 samples", "4 samples"), ("1/10", "2/10"), ("and/or", "and/nor"),
                ("https://example.org/a/b", "https://example.org/a/c"), ("common/data/x", "common/data/y"),
                ("4,120 images/s", "4,120 batches/s"), ("2 items", "3 items"), ("[64, 10]", "[65, 10]"),
                ("main.cpp:12:34", "main.cpp:12:35"), ("version 1.13.1", "version 1.13.2"), ("5 msgs", "6 msgs")):
            with self.subTest(one=one):
                self.assertNotEqual(differ(one, other), [])

    def test_columns_beside_a_time_may_be_wider(self):
        one = "workers    time\n───────  ──────\n      0  840 ms\n"
        self.assertEqual(differ(one, "workers      time\n───────  ────────\n      0  1,240 ms\n"), [])
        self.assertNotEqual(differ(one, one.replace("0 ", "1 ")), [])

    def test_spaces_count_everywhere_else(self):
        self.assertNotEqual(differ("a  b\n", "a b\n"), [])
        self.assertNotEqual(differ("a  b\n\n12 s\n", "a b\n\n12 s\n"), [])  # another paragraph
        self.assertEqual(differ("a \n", "a\n"), [])

    def test_masks_of_a_step(self):
        rules = Rules(mask=(Mask(r"threads: (\d+) of (\d+)"),))
        self.assertEqual(differ("threads: 1 of 2", "threads: 16 of 32", rules), [])
        self.assertNotEqual(differ("threads: 1 of 2", "threads: many of 2", rules), [])
        self.assertNotEqual(differ("thread: 1", "thread: 2", rules), [])

    def test_mask_around_a_time(self):
        rules = Rules(mask=(Mask(r"took (.*)$"),))
        self.assertEqual(differ("took 12 s, or so", "took ages", rules), [])


class Tolerated(unittest.TestCase):
    def setUp(self):
        self.rules = Rules(tolerance=(Tolerance(r"loss ([0-9.naif-]+)", relative=0.01),
                                      Tolerance(r"accuracy ([0-9.]+) %", absolute=0.41)))

    def elsewhere(self, one: str, other: str) -> list[Difference]:
        return differ(one, other, self.rules, canonical=False)

    def test_relative(self):
        self.assertEqual(self.elsewhere("loss 2.00", "loss 2.02"), [])
        self.assertEqual(self.elsewhere("loss 2.00", "loss 1.98"), [])
        self.assertEqual(self.elsewhere("loss 2.000", "loss 2.021")[0].note,
                         "expected 2.000, found 2.021: 0.021 apart, 0.02 allowed (relative = 0.01)")

    def test_absolute_to_the_last_digit(self):
        self.assertEqual(self.elsewhere("accuracy 0.41 %", "accuracy 0.82 %"), [])
        self.assertNotEqual(self.elsewhere("accuracy 0.41 %", "accuracy 0.83 %"), [])

    def test_not_on_the_canonical_machine(self):
        self.assertNotEqual(differ("loss 2.00", "loss 2.01", self.rules), [])

    def test_several_numbers_in_a_line(self):
        self.assertEqual(self.elsewhere("loss 2.0, accuracy 80.0 %", "loss 2.01, accuracy 80.4 %"), [])
        self.assertNotEqual(self.elsewhere("loss 2.0, accuracy 80.0 %", "loss 2.01, accuracy 80.5 %"), [])

    def test_the_rest_of_the_line_counts(self):
        self.assertNotEqual(self.elsewhere("test loss 2.0", "train loss 2.0"), [])

    def test_what_is_no_finite_number(self):
        self.assertEqual(self.elsewhere("loss nan", "loss nan"), [])
        for one, other in (("loss nan", "loss 1.0"), ("loss 1.0", "loss nan"), ("loss inf", "loss 3.0"), ("loss 1.0", "loss -inf")):
            with self.subTest(one=one, other=other):
                self.assertNotEqual(self.elsewhere(one, other), [])

    def test_separators_of_thousands(self):
        rules = Rules(tolerance=(Tolerance(r"([\d,]+) bytes", absolute=10),))
        self.assertEqual(differ("1,995 bytes", "2,005 bytes", rules, canonical=False), [])
        self.assertNotEqual(differ("1,995 bytes", "2,006 bytes", rules, canonical=False), [])

    def test_a_wider_number_moves_its_column(self):
        one = "class   loss\n─────  ─────\n    1   loss 9.99\n"
        self.assertEqual(self.elsewhere(one, "class    loss\n─────  ──────\n    1  loss 10.00\n"), [])


class CanonicalOnlyLines(unittest.TestCase):
    rules = Rules(canonical_only=(CanonicalOnly("^The worst", "^$"),))
    text = "a\nThe worst two:\n3 and 5\n\nb\n"

    def test_left_out_elsewhere(self):
        self.assertEqual(differ(self.text, self.text.replace("3 and 5", "7\nand 9"), self.rules, canonical=False), [])
        self.assertNotEqual(differ(self.text, self.text.replace("3 and 5", "7 and 9"), self.rules), [])

    def test_without_an_end_all_that_follows(self):
        to_the_end = Rules(canonical_only=(CanonicalOnly("^The worst"),))
        self.assertEqual(differ(self.text, self.text.replace("b", "c\nd"), to_the_end, canonical=False), [])
        self.assertNotEqual(differ(self.text, self.text.replace("a", "c"), to_the_end, canonical=False), [])

    def test_the_rest_is_compared(self):
        self.assertNotEqual(differ(self.text, self.text.replace("b", "c"), self.rules, canonical=False), [])
        self.assertNotEqual(differ(self.text, "a\nb\n", self.rules, canonical=False), [])  # the part is missing

    def test_every_such_part(self):
        twice = self.text * 2
        self.assertEqual(differ(twice, twice.replace("3 and 5", "x"), self.rules, canonical=False), [])

    def test_range_of_lines(self):
        lines = ["a", "b", "c", "b"]
        self.assertEqual(line_range(lines, "b", "b"), (1, 2))
        self.assertEqual(line_range(lines, "b", "c"), (1, 3))
        self.assertEqual(line_range(lines, "b", "d"), (1, 4))
        self.assertEqual(line_range(lines, "b", "b", 2), (3, 4))
        self.assertIsNone(line_range(lines, "d", "b"))


class Dead(unittest.TestCase):
    def test_rules_that_act(self):
        rules = Rules((Tolerance(r"loss (\S+)", 0.1),), (Mask(r"on (\w+)"),), (CanonicalOnly("^Best", "^$"),))
        self.assertEqual(dead_rules("loss 0.1 on Monday\nBest\n\n", rules), [])
        self.assertEqual(len(dead_rules("Best\n", rules)), 3)

    def test_group_that_never_takes_part(self):
        self.assertEqual(dead_rules("loss 1", Rules(mask=(Mask("loss( never)?"),))), ["the mask pattern 'loss( never)?' matches nothing"])

    def test_tolerance_of_what_is_no_number(self):
        self.assertEqual(dead_rules("loss much", Rules(tolerance=(Tolerance(r"loss (\S+)", 0.1),))),
                         [r"the tolerance pattern 'loss (\S+)' catches 'much', which is no number"])


class Differences(unittest.TestCase):
    def test_place_and_lines(self):
        self.assertEqual(differ("a\nb\nc\n", "a\nx\ny\nc\n"), [Difference(2, ("b",), ("x", "y"))])
        self.assertEqual(differ("a\n", "a\nb\n"), [Difference(2, (), ("b",))])
        self.assertEqual(Difference(2, ("b",), ("x", "y"), "note").detail(), ["- b", "+ x", "+ y", "note"])


if __name__ == "__main__":
    unittest.main()
