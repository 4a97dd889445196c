"""Random cases of metrics, which run.py computes with torchmetrics and run.cpp with lit.

A case is {"name": GROUP, "make": WHAT, "steps": [STEP...]}. WHAT is {"class": NAME, "options": {...}}, {"collection": {NAME: WHAT...}}
or {"tracker": WHAT}. A STEP is one of

    ["update", INPUTS]   ["forward", INPUTS]   ["compute"]   ["reset"]
    ["merge", [INPUTS...]]     what another one has counted, by these updates, is taken in
    ["file"]                   the metric goes on as one that has read its state
    ["clone"]                  and as a clone
    ["member", NAME, STEP]     of a collection
    ["increment"]   ["all"]   ["best"]    of a tracker

INPUTS are tensors, [DTYPE, SHAPE, NUMBERS] each; null is NaN. What a step prints is its value: nested lists of numbers ("inf" and "-inf" among
them), {NAME: value} of a collection, or null.
"""
import itertools
import json
import random
import sys
from collections.abc import Iterator

AVERAGES = ("micro", "macro", "weighted", "none")


class Draw:
    """What a case is made of, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, *values: object) -> object:
        return self.random.choice(values)

    def flip(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance

    def number(self, least: int, most: int) -> int:
        return self.random.randint(least, most)

    def numbers(self, count: int, low: float, high: float, digits: int = 2) -> list[float]:
        return [round(self.random.uniform(low, high), digits) for _ in range(count)]

    def whole(self, count: int, below: int) -> list[int]:
        return [self.random.randrange(below) for _ in range(count)]


def size(shape: list[int]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count


def scores(draw: Draw, shape: list[int], logits: bool, dtype: str | None = None, digits: int = 2) -> list:
    # Equal logits are no equal probabilities where torchmetrics' sigmoid rounds; so there are none.
    values = draw.numbers(size(shape), -3, 3, 6) if logits else draw.numbers(size(shape), 0.01, 0.99, digits)
    if logits:  # each batch shows it
        values[0] = 3.25
    return [dtype or draw.one("float32", "float64"), shape, values]


def target(draw: Draw, shape: list[int], classes: int, ignored: int | None, dtype: str | None = None) -> list:
    values = draw.whole(size(shape), classes)
    if ignored is not None:
        values = [ignored if draw.flip(0.15) else value for value in values]
        values[0] = values[0] if values[0] != ignored else (ignored + 1 if 0 <= ignored < classes - 1 else 0)
    return [dtype or draw.one("int64", "int64", "int32"), shape, values]


# Inputs of classifiers.


class Classifier:
    """A task with its shapes, and batches of it."""

    def __init__(self, draw: Draw, tasks: tuple[str, ...] = ("binary", "multiclass", "multilabel"), *, ranks: bool = False,
                 samplewise: bool = False) -> None:
        self.draw, self.ranks = draw, ranks
        self.task = draw.one(*tasks)
        self.classes = draw.number(2, 6) if self.task != "binary" else 2
        self.ignored = draw.one(None, None, -1, 0 if not ranks else -100)
        self.options: dict = {"task": self.task}
        if self.task == "multiclass":
            self.options["num_classes"] = self.classes
        if self.task == "multilabel":
            self.options["num_labels"] = self.classes
        if self.ignored is not None:
            self.options["ignore_index"] = self.ignored
        self.logits = draw.flip(0.4)
        self.labels = not ranks and draw.flip(0.25)
        self.further = [draw.number(1, 3)] if samplewise or draw.flip(0.2) else []
        self.needs_scores = False
        self.digits = 2
        # What is ranked is of one dtype, so that equal scores are equal; torchmetrics' ranks take int64 alone.
        self.dtypes = (draw.one("float32", "float64"), "int64") if ranks else (None, None)

    def batch(self, count: int | None = None) -> list:
        draw = self.draw
        n = count or draw.number(2, 12)
        columns = [self.classes] if self.task == "multilabel" else []
        shape = [n, *columns, *self.further]
        below = self.classes if self.task == "multiclass" else 2
        wanted = target(draw, shape, below, self.ignored, self.dtypes[1])
        if self.labels and not self.needs_scores:
            return [["int64", shape, draw.whole(size(shape), below)], wanted]
        if self.task == "multiclass":
            shape = [n, self.classes, *self.further]
        return [scores(draw, shape, self.logits, self.dtypes[0], self.digits), wanted]


def steps(draw: Draw, batch, *, forward: bool = True, operations: bool = True, first: int | None = None) -> list:
    """Some batches, and what else may be done with a metric."""
    done = [["update", batch(first)]]
    for _ in range(draw.number(0, 4)):
        kind = draw.random.random()
        if kind < 0.4 or not operations:
            done.append(["update", batch()])
        elif kind < 0.6 and forward:
            done.append(["forward", batch()])
        elif kind < 0.7:
            done += [["compute"], ["update", batch()]]
        elif kind < 0.78:
            done += [["reset"], ["update", batch(first)]]
        elif kind < 0.88:
            done.append(["merge", [batch(), batch()]])
        else:
            done.append([draw.one("file", "clone")])
    return [*done, ["compute"]]


def counted(draw: Draw, name: str) -> dict:
    """Accuracy and its kin."""
    samplewise = draw.flip(0.2)
    inputs = Classifier(draw, samplewise=samplewise)
    options = inputs.options
    if inputs.task != "binary":
        options["average"] = draw.one(*AVERAGES)
    if inputs.task == "multiclass" and not samplewise and inputs.ignored != 0 and draw.flip(0.25):
        options["top_k"] = draw.number(2, inputs.classes)
        inputs.needs_scores = True
    if inputs.task != "multiclass" and draw.flip(0.3):
        options["threshold"] = draw.one(0.25, 0.7)
    if samplewise:
        options["multidim_average"] = "samplewise"
        inputs.ignored = options.pop("ignore_index", None) and None
    if name in ("Precision", "Recall", "F1Score") and draw.flip(0.3):
        options["zero_division"] = 1
    return {"make": {"class": name, "options": options}, "steps": steps(draw, inputs.batch, forward=not samplewise)}


def confusion(draw: Draw, name: str) -> dict:
    inputs = Classifier(draw, ("binary", "multiclass") if name == "CohenKappa" else ("binary", "multiclass", "multilabel"))
    options = inputs.options
    if name == "ConfusionMatrix":
        options["normalize"] = draw.one("none", "true", "pred", "all")
    if name == "CohenKappa":
        options["weights"] = draw.one("none", "linear", "quadratic")
    if inputs.task != "multiclass" and draw.flip(0.3):
        options["threshold"] = draw.one(0.25, 0.7)
    only = name == "ConfusionMatrix"
    return {"make": {"class": name, "options": options}, "steps": steps(draw, inputs.batch, forward=only, first=None if only else 30)}


def curve(draw: Draw, name: str) -> dict:
    inputs = Classifier(draw, ranks=True)
    options = inputs.options
    if inputs.task == "multiclass":
        options["average"] = draw.one("macro", "weighted", "none")
    if inputs.task == "multilabel":
        options["average"] = draw.one(*AVERAGES)
    if name == "AUROC" and inputs.task == "binary" and draw.flip(0.3):
        options["max_fpr"] = draw.one(0.3, 0.8)
    if draw.flip(0.4):
        options["thresholds"] = draw.one(5, 50, [0.1, 0.3, 0.5, 0.9])
        if "max_fpr" in options:
            options.pop("max_fpr")
    # Enough for each class to have samples, and others.
    return {"make": {"class": name, "options": options}, "steps": steps(draw, inputs.batch, forward=False, first=60)}


def calibration(draw: Draw, name: str) -> dict:
    inputs = Classifier(draw, ("binary", "multiclass"), ranks=True)
    inputs.digits = 6  # none on the border of two bins, which lies elsewhere in another dtype
    options = inputs.options | {"n_bins": draw.one(5, 15), "norm": draw.one("l1", "l2", "max")}
    return {"make": {"class": name, "options": options}, "steps": steps(draw, inputs.batch)}


def regression(draw: Draw, name: str) -> dict:
    options: dict = {}
    shape = draw.one([], [], [3], [2, 2])
    if name in ("MeanSquaredError", "MeanAbsoluteError") and draw.flip(0.3):
        options["num_outputs"], shape = 3, [3]
    if name == "MeanSquaredError" and draw.flip():
        options["squared"] = False
    if name in ("R2Score", "ExplainedVariance"):
        shape = draw.one([], [3])
        options["multioutput"] = draw.one("uniform_average", "variance_weighted", "raw_values")
    if name == "R2Score" and draw.flip(0.3):
        options["adjusted"] = draw.number(1, 2)
    if name == "CosineSimilarity":
        shape = [draw.number(2, 4)]
        options["reduction"] = draw.one("sum", "mean", "none")

    def batch(count: int | None = None) -> list:
        whole = [count or draw.number(4, 9), *shape]
        return [[draw.one("float32", "float64"), whole, draw.numbers(size(whole), -2, 2)] for _ in range(2)]
    return {"make": {"class": name, "options": options}, "steps": steps(draw, batch, first=6)}


def perplexity(draw: Draw, name: str) -> dict:
    words, options = draw.number(3, 6), {}
    if draw.flip():
        options["ignore_index"] = draw.one(-100, 0)

    def batch(count: int | None = None) -> list:
        shape = [count or draw.number(1, 4), draw.number(2, 5)]
        wanted = target(draw, shape, words, options.get("ignore_index"))
        return [scores(draw, [*shape, words], True), ["int64", *wanted[1:]]]
    return {"make": {"class": name, "options": options}, "steps": steps(draw, batch)}


def aggregation(draw: Draw, name: str) -> dict:
    options: dict = {"nan_strategy": draw.one("ignore", "disable", 0.5)}
    weighted = name in ("MeanMetric", "RunningMean") and options["nan_strategy"] != "disable" and draw.flip()
    if name.startswith("Running"):
        options["window"] = draw.number(1, 4)

    def batch(count: int | None = None) -> list:
        shape = draw.one([], [3], [2, 2]) if name != "CatMetric" else draw.one([], [3])
        values = draw.numbers(size(shape), -5, 5)
        if options["nan_strategy"] == 0.5 or (options["nan_strategy"] == "ignore" and name != "CatMetric"):
            values = [None if draw.flip(0.1) else value for value in values]
        inputs = [["float32", shape, values]]
        return [*inputs, ["float32", shape, draw.numbers(size(shape), 0, 2)]] if weighted else inputs
    return {"make": {"class": name, "options": options},
            "steps": steps(draw, batch, operations=name in ("MeanMetric", "SumMetric", "CatMetric"))}  # torchmetrics merges no other


def collection(draw: Draw, name: str) -> dict:
    """Members are used by themselves, too."""
    inputs = Classifier(draw, ("binary", "multiclass"))
    inputs.labels = False
    names = draw.random.sample(("Accuracy", "Precision", "Recall", "F1Score", "ConfusionMatrix"), 3)
    made = {each.lower(): {"class": each, "options": inputs.options} for each in names}
    done = steps(draw, inputs.batch, operations=False)[:-1]
    for _ in range(draw.number(1, 3)):
        member = draw.one(*made)
        done.append(draw.one(["compute"], ["update", inputs.batch()], ["forward", inputs.batch()], ["reset"], ["clone"],
                             ["member", member, ["compute"]], ["member", member, ["compute"]]))
        if done[-1] == ["reset"]:
            done.append(["update", inputs.batch()])
    return {"make": {"collection": made}, "steps": [*done, ["compute"]]}


def tracker(draw: Draw, name: str) -> dict:
    inputs = Classifier(draw, ("binary", "multiclass"))
    inputs.labels = False
    one = {"class": "Accuracy", "options": inputs.options}
    made = one if draw.flip() else {"collection": {"accuracy": one, "recall": {"class": "Recall", "options": inputs.options}}}
    done: list = []
    for _ in range(draw.number(1, 4)):
        done += [["increment"], ["update", inputs.batch()], ["compute"]]
    return {"make": {"tracker": made}, "steps": [*done, ["all"], ["best"]]}


KINDS = {**dict.fromkeys(("Accuracy", "Precision", "Recall", "F1Score", "Specificity"), counted),
         **dict.fromkeys(("ConfusionMatrix", "CohenKappa", "MatthewsCorrCoef"), confusion),
         **dict.fromkeys(("AUROC", "AveragePrecision"), curve), "CalibrationError": calibration,
         **dict.fromkeys(("MeanSquaredError", "MeanAbsoluteError", "R2Score", "ExplainedVariance", "CosineSimilarity"), regression),
         "Perplexity": perplexity,
         **dict.fromkeys(("MeanMetric", "SumMetric", "MaxMetric", "MinMetric", "CatMetric", "RunningMean", "RunningSum"), aggregation),
         "MetricCollection": collection, "MetricTracker": tracker}


def cases(seed: int, of_each: int) -> Iterator[dict]:
    for number, (name, make) in itertools.product(range(of_each), KINDS.items()):
        yield {"name": name} | make(Draw(seed * 1_000_003 + number * 101 + list(KINDS).index(name)), name)


if __name__ == "__main__":
    for case in cases(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(case))
