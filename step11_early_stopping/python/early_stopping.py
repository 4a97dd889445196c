"""step11's early stopping in Python: python3 early_stopping.py PATIENCE MIN_DELTA LOSS...; says where it stops, and why."""
import copy
import math
import sys


# region early_stopping
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch, self.best_weights = math.inf, 0, None

    def stop(self, epoch, loss, model):
        if loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch = loss, epoch
            self.best_weights = copy.deepcopy(model.state_dict())  # without deepcopy: the last, not the best
        return not math.isfinite(loss) or epoch - self.best_epoch >= self.patience
# endregion


class Weights:
    """Stands in for a model: its one weight is the number of the epoch."""

    def __init__(self):
        self.state = {"weight": [0]}

    def state_dict(self):
        return self.state


model, stopping = Weights(), EarlyStopping(int(sys.argv[1]), float(sys.argv[2]))
for epoch, loss in enumerate(map(float, sys.argv[3:]), start=1):
    model.state["weight"][0] = epoch
    if stopping.stop(epoch, loss, model):
        break
print(f"stopped in epoch {epoch}; the best was {stopping.best_loss:.4f} in epoch {stopping.best_weights['weight'][0]}")
