"""step09's log in Python: python3 logs.py FOLDER; reads a run's folder and says how it went."""
import csv
import sys
import tomllib
from pathlib import Path


# region read
def read_run(folder):
    config = tomllib.loads((folder / "config.toml").read_text())
    with open(folder / "metrics.csv", newline="") as file:
        rows = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    return config, rows
# endregion


config, rows = read_run(Path(sys.argv[1]))
losses = [row["train_loss"] for row in rows if "train_loss" in row]
print(f"{config['model']}, seed {config['seed']}: {len(losses)} epochs, loss {losses[0]:.4f} to {losses[-1]:.4f}")
print(f"test accuracy {100 * rows[-1]['test_accuracy']:.2f} %")
