"""./course bench: what its claims are made of. Nothing here is timed."""
import unittest
from html import escape
from pathlib import Path

from coursetool import bench, scale
from coursetool.errors import CourseError, UsageError

ROOT = Path(__file__).resolve().parents[2]


def run(seconds: float, **more) -> dict:
    return {"seconds": [seconds, seconds], "user": [seconds, seconds], "steps": 100, "losses": [0.5, 0.25], "peak_kib": 1024,
            "until_first_batch": 0.5} | more


def results(**seconds: float) -> dict:
    """Two rounds of all variants, one second each, but for those named by their first words."""
    times = {name: next((value for key, value in seconds.items() if name.startswith(key.replace("_", "::"))), 1.0) for name in bench.VARIANTS}
    return {model: {name: [run(times[name]), run(times[name])] for name in bench.VARIANTS} for model in bench.MODELS}


class Claims(unittest.TestCase):
    def test_a_claim_is_met_or_not_by_what_was_measured(self):
        fast = {line.what: line for line in bench.claims(results(Python=2.0), 0.5, 0.8)}
        line = fast["Linear(784,10): the Trainer against Python's loop"]
        self.assertEqual((line.measured, line.goal, line.met), ("2.00 x as fast", "2 x", True))
        self.assertTrue(fast["from start to the first batch"].met)
        slow = {line.what: line for line in bench.claims(results(Python=1.5), 0.5, 0.4)}
        self.assertFalse(slow["Linear(784,10): the Trainer against Python's loop"].met)
        self.assertFalse(slow["from start to the first batch"].met)

    def test_pairs_are_compared_round_by_round(self):
        found = results()
        for turn, factor in enumerate((1, 10)):  # the second round is slow for both
            for name in (bench.PYTHON, bench.TRAINER):
                found["mlp"][name][turn] = run(factor * (3.0 if name == bench.PYTHON else 1.0))
        ratio = bench.of_pairs(found, "mlp", bench.PYTHON, bench.TRAINER, lambda a, b: sum(a["seconds"]) / sum(b["seconds"]))
        self.assertEqual(ratio, 3.0)

    def test_other_work_is_no_comparison(self):
        found = results()
        bench.check_same_work(found)
        found["mlp"][bench.LOOP][0]["losses"] = [0.51, 0.25]
        with self.assertRaisesRegex(CourseError, "not the same work: mlp, C\\+\\+ loop, lit::Adam has losses \\[0.51, 0.25\\]"):
            bench.check_same_work(found)

    def test_the_report_has_every_claim_and_its_goal(self):
        medians = {name: 10.0 for name in ("adam/lit", "adamw/lit", "sgd/lit", "sgd/torch::optim", "batch/memcpy", "batch/InMemoryLoader",
                                           "batch/InMemoryLoader, bytes to float", "decode/zlib", "gemm/mlp step")}
        medians |= {"adam/torch::optim": 40.0, "adamw/torch::optim": 20.0, "batch/torch::data::DataLoader": 75.0, "decode/load_image_set": 11.0}
        found = {"runs": {"rounds": 2, "threads": 1, "import_torch": 0.8, "start": 0.5, "results": results(Python=2.0)},
                 "trainer_overhead": {"linear": {"difference": 3.25, "trainer": 103.0, "profiled": 150.0, "hand": 100.0},
                                      "mlp": {"difference": 30.0, "trainer": 1030.0, "profiled": 1100.0, "hand": 1000.0}},
                 "pieces": {"threads": 1, "medians": medians, "spread": dict.fromkeys(medians, 0.1), "rates": {"gemm/mlp step": 5e10, "gemm/1024": 1e11}},
                 "threads": {"default": 2, "most": 4, "ratios": {"MLP, alone": 1.2}, "all": {"MLP, alone": 1.4}, "spinning": {"MLP, alone": 9.5}}, "build": {"cold": 100, "with ccache": 10, "everything": 800}, "edit": {"one step": 12.0}}
        text = bench.report(found)
        self.assertRegex(text, r"adam: lit's against torch::optim's, 535,818 parameters +4.00 x as fast  3.5 x +met\n")
        self.assertRegex(text, r"adamw: .* 2.00 x as fast  3.5 x +not met\n")
        self.assertRegex(text, r"the Trainer over the loop by hand +\+3.2 us a step  at most 10 us +met\n")
        self.assertRegex(text, r"MLP 784-512-256-10: the Trainer over the loop by hand +\+3.0 %  at most 2 % +not met\n")
        self.assertRegex(text, r"of the machine's rate +50 % of 100 GFLOP/s")
        self.assertRegex(text, r"MLP, alone: the default, 2 thread\(s\), against 1 +1.20 of its time  at most 1.05 +not met\n")
        self.assertRegex(text, r"MLP, alone: 4 that wait by spinning, libgomp's default +9.50 of its time\n")
        self.assertIn("it is one", bench.thread_claims(found["threads"] | {"default": 1})[0].measured)
        step = 1e6 * 1.0 / 100  # us
        self.assertRegex(text, rf"the MLP's matrix products, of a step of the Trainer +{100 * 10 / step:.0f} %\n")
        self.assertRegex(text, rf"the MLP's rest .*, of a step of the Trainer +{100 * (1 - 30 / step):.0f} %\n")
        self.assertRegex(text, r"one changed step, rebuilt and linked +12 s  10 s +not met\n")
        self.assertRegex(text, r"everything else +800 s  720 s +not met\n")

    def test_the_power_by_which_something_grows(self):
        sizes = [10, 100, 1_000]
        self.assertAlmostEqual(scale.growth(sizes, [0.1, 1.0, 10.0], 0.01), 1.0)
        self.assertAlmostEqual(scale.growth(sizes, [0.05, 0.1, 10.0], 0.01), 2.0, msg="the steepest")
        self.assertAlmostEqual(scale.growth(sizes, [0.0, 0.0, 1.0], 0.1), 2.0, msg="nothing counts as a tenth of the noise")
        self.assertIsNone(scale.growth(sizes, [0.001, 0.002, 0.009], 0.01), msg="too little to tell")
        self.assertEqual(scale.AXES["epochs"].sizes, [100, 1_000, 10_000])

    def test_a_size_that_would_take_too_long_is_known_before(self):
        self.assertAlmostEqual(scale.next_takes([2.0]), 20.0)
        self.assertAlmostEqual(scale.next_takes([0.1, 10.0]), 1_000.0)
        self.assertAlmostEqual(scale.next_takes([0.0, 0.2]), 2.0)

    def test_what_is_too_steep_is_told_unless_it_has_a_reason(self):
        def values(*seconds, mib=1.0):
            return {"ours": [{"size": 10**i, "seconds": one, "mib": mib} for i, one in enumerate(seconds, 1)]}

        steep, flat = values(0.1, 10.0), values(0.1, 1.0)
        self.assertEqual([(axis, kind) for axis, kind, _ in scale.too_steep({"epochs": steep, "layers": flat, "the same with a monitor": steep})],
                         [("epochs", "seconds")])
        steeper = values(0.1, 100.0)
        self.assertEqual([axis for axis, _, _ in scale.too_steep({"the same with a monitor": steeper})], ["the same with a monitor"],
                         "a reason has a bound, too")
        text = bench.report({"scale": {"epochs": steep, "layers": flat}})
        self.assertRegex(text, r"epochs +100 to 10,000 +0.10  10.00 +2.00\n")
        self.assertRegex(text, r"epochs: the power of its seconds +2.00 +at most 1.15 +not met\n")
        self.assertRegex(bench.report({"scale": {"layers": flat}}), r"1 axes: .* power of 1.15 without a reason +nothing +nothing +met\n")

    def test_every_axis_is_measured_in_cpp_and_most_in_python(self):
        source = (ROOT / "benchmarks/scale.cpp").read_text()
        twin = (ROOT / "benchmarks/python/scale.py").read_text()
        for axis in scale.AXES:
            self.assertIn(f'{{"{axis}"', source)
        self.assertGreaterEqual(sum(f'"{axis}":' in twin for axis in scale.AXES), len(scale.AXES) - 3)

    def test_the_picture_names_every_variant(self):
        picture = bench.picture(results())
        for name in bench.VARIANTS:
            self.assertEqual(picture.count(f">{escape(name)}<"), 3)

    def test_bad_words(self):
        with self.assertRaisesRegex(UsageError, "there is no benchmark 'run'.*did you mean 'runs'"):
            bench.main(None, "release", ["run"])
        with self.assertRaisesRegex(CourseError, "but runs, .* was not run yet"):
            bench.write_page(None, {})


if __name__ == "__main__":
    unittest.main()
