"""The twin of bench_metrics: what an update of torchmetrics costs, in microseconds, as one line of JSON."""
import json
import time
import warnings

import torch
import torchmetrics

warnings.filterwarnings("ignore")


def microseconds(metric: torchmetrics.Metric, preds: torch.Tensor, target: torch.Tensor) -> float:
    """The least of seven means: what the machine does besides makes it only longer."""
    means = []
    for _ in range(7):
        metric.reset()
        updates, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < 0.06:
            for _ in range(5):
                metric.update(preds, target)
            updates += 5
        means.append(1e6 * spent / updates)
    return min(means[1:])


torch.manual_seed(0)
found = {}
for batch in (64, 4096):
    for classes in (10, 1000):
        preds, target = torch.randn(batch, classes), torch.randint(classes, (batch,))
        for name in ("Accuracy", "ConfusionMatrix", "AUROC"):
            metric = getattr(torchmetrics, name)(task="multiclass", num_classes=classes)
            found[f"{name}, batch {batch}, {classes} classes"] = round(microseconds(metric, preds, target), 3)
print(json.dumps(found))
