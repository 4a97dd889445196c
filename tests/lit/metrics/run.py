"""Runs cases of metrics (cases.py) with torchmetrics: a case a line from stdin, the values of its steps a line to stdout."""
import copy
import json
import math
import sys
import warnings

import torch
import torchmetrics
from torchmetrics.text import Perplexity

warnings.filterwarnings("ignore")
CLASSES = {name: getattr(torchmetrics, name, None) for name in dir(torchmetrics)} | {"Perplexity": Perplexity}
for name in ("RunningMean", "RunningSum", "CatMetric"):
    CLASSES[name] = getattr(torchmetrics.aggregation, name)


def tensor(given: list) -> torch.Tensor:
    dtype, shape, values = given
    return torch.tensor([math.nan if value is None else value for value in values], dtype=getattr(torch, dtype)).reshape(shape)


def made(what: dict) -> object:
    if "collection" in what:
        return torchmetrics.MetricCollection({name: made(one) for name, one in what["collection"].items()})
    if "tracker" in what:
        return torchmetrics.MetricTracker(made(what["tracker"]))
    return CLASSES[what["class"]](**what["options"])


def plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, torch.Tensor):
        return plain(value.double().tolist())
    value = float(value)
    return None if math.isnan(value) else str(value) if math.isinf(value) else value


def run(case: dict) -> list:
    metric = made(case["make"])

    def step(metric: object, words: list) -> object:
        match words:
            case ["update", inputs]:
                metric.update(*map(tensor, inputs))
            case ["forward", inputs]:
                return plain(metric(*map(tensor, inputs)))
            case ["compute"]:
                return plain(metric.compute())
            case ["reset"]:
                metric.reset()
            case ["merge", batches]:
                other = made(case["make"])
                for inputs in batches:
                    other.update(*map(tensor, inputs))
                metric.merge_state(other)
            case ["member", name, inner]:
                return step(metric[name], inner)
            case ["increment"]:
                metric.increment()
            case ["all"]:
                return plain(metric.compute_all())
            case ["best"]:
                best, at = metric.best_metric(return_step=True)
                return {name: [best[name], at[name]] for name in best} if isinstance(best, dict) else [best, at]
        return None

    values = []
    for words in case["steps"]:
        if words[0] in ("file", "clone"):
            metric = copy.deepcopy(metric)
            values.append(None)
            continue
        try:
            values.append(step(metric, words))
        except Exception as error:  # what it says is compared with what the other says
            values.append({"error": str(error).splitlines()[0]})
    return values


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
