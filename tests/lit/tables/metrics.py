"""Writes metrics.inc: what Python's scikit-learn says of random predictions, with ties and absent classes.

    python3 tests/lit/tables/metrics.py > tests/lit/tables/metrics.inc

Scores are sixteenths, so that they are exact in float32 and equal ones are frequent. Within a row
all are different: which of several highest a library takes is nobody's business here.
"""
import random

import numpy as np
from sklearn import metrics as sk

PARTS = [(0, 1, 2, 4, 9), (1, 2, 3, 4, 6), (0, 1, 3, 5, 7), (0, 2, 3, 4, 7), (0, 1, 2, 3, 10)]
AVERAGES = ("micro", "macro", "weighted", "none")


def scores(rng, n, forbidden=()):
    rows = []
    for _ in range(n):
        parts = list(rng.choice(PARTS))
        while True:
            rng.shuffle(parts)
            if parts.index(max(parts)) not in forbidden:
                break
        rows.append([part / 16 for part in parts])
    return np.array(rows)


def multiclass(p, y, ignore=None):
    classes = p.shape[1]
    if ignore is not None:
        p, y = p[y != ignore], y[y != ignore]
    pred, labels = p.argmax(1), list(range(classes))
    found = {"Accuracy micro": [sk.accuracy_score(y, pred)]}
    for average in AVERAGES:
        kind = {"average": None, "labels": labels} if average == "none" else {"average": average}
        precision, recall, f1, _ = sk.precision_recall_fscore_support(y, pred, zero_division=0, **kind)
        for name, value in (("Precision", precision), ("Recall", recall), ("F1Score", f1)):
            found[f"{name} {average}"] = np.atleast_1d(value)
        if average != "micro":
            found[f"Accuracy {average}"] = np.atleast_1d(recall)
    found["Accuracy top 2"] = [np.mean([t in row.argsort()[-2:] for row, t in zip(p, y)])]
    for normalize in (None, "true", "pred", "all"):
        matrix = sk.confusion_matrix(y, pred, labels=labels, normalize=normalize)
        found[f"ConfusionMatrix {normalize or 'none'}"] = matrix.ravel()
    areas = [sk.roc_auc_score(y == c, p[:, c]) if 0 < np.sum(y == c) < len(y) else np.nan for c in labels]
    support = np.array([np.sum(y == c) for c in labels])
    there = ~np.isnan(areas)
    found["AUROC none"] = areas
    if there.all():
        found["AUROC macro"] = [sk.roc_auc_score(y, p, multi_class="ovr", average="macro")]
        found["AUROC weighted"] = [sk.roc_auc_score(y, p, multi_class="ovr", average="weighted")]
    else:
        found["AUROC macro"] = [np.mean(np.array(areas)[there])]
        found["AUROC weighted"] = [np.average(np.array(areas)[there], weights=support[there])]
    return found


def binary(p, y):
    pred = (p > 0.5).astype(int)
    return {"Accuracy": [sk.accuracy_score(y, pred)], "Precision": [sk.precision_score(y, pred, zero_division=0)],
            "Recall": [sk.recall_score(y, pred, zero_division=0)], "F1Score": [sk.f1_score(y, pred, zero_division=0)],
            "ConfusionMatrix none": sk.confusion_matrix(y, pred, labels=[0, 1]).ravel(),
            "AUROC": [sk.roc_auc_score(y, p)]}


def regression(p, y):
    return {"MeanSquaredError": [sk.mean_squared_error(y, p)],
            "MeanSquaredError root": [sk.mean_squared_error(y, p, squared=False)],
            "MeanAbsoluteError": [sk.mean_absolute_error(y, p)]}


def cases():
    rng = random.Random(20)
    whole = lambda n, choices: np.array([rng.choice(choices) for _ in range(n)])
    p, y = scores(rng, 60), whole(60, range(5))
    yield "multiclass", 5, p, y, multiclass(p, y)
    p, y = scores(rng, 40, forbidden=(3,)), whole(40, (0, 1, 2, 4))
    yield "multiclass, one class absent", 5, p, y, multiclass(p, y)
    p, y = scores(rng, 40), whole(40, (0, 1, 4))
    yield "multiclass, two classes only predicted", 5, p, y, multiclass(p, y)
    p, y = scores(rng, 50), whole(50, (-1, 0, 1, 2, 3, 4))
    yield "multiclass, ignored", 5, p, y, multiclass(p, y, ignore=-1)
    p, y = whole(45, range(9)) / 8, whole(45, (0, 1))
    yield "binary", 2, p, y, binary(p, y)
    p, y = whole(20, range(4)) / 8, whole(20, (0, 1))
    yield "binary, nothing predicted", 2, p, y, binary(p, y)
    p, y = whole(50, range(-40, 40)) / 8, whole(50, range(-9, 9))
    yield "regression", 0, p, y, regression(p, y)


def numbers(values):
    return ", ".join("kNaN" if value != value else repr(float(value)) for value in np.ravel(values))


def main():
    print("// Written by metrics.py: name, classes, scores, targets, and scikit-learn's values.")
    for name, classes, p, y, found in cases():
        print(f'{{"{name}", {classes},\n  {{{numbers(p)}}},\n  {{{", ".join(map(str, y))}}},\n  {{')
        for metric, values in found.items():
            print(f'    {{"{metric}", {{{numbers(values)}}}}},')
        print("  }},")


main()
