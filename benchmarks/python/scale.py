"""The twin of bench_scale: the same case of the same size with Python's Lightning and torch.save.

scale.py AXIS SIZE FOLDER, one line of JSON: seconds of the processor, and MiB at the peak on top of what was there before.
An axis that has no twin gives an empty one.
"""
import ctypes
import json
import logging
import os
import resource
import sys
import warnings

os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.filterwarnings("ignore")
import torch  # noqa: E402
from lightning.pytorch import Callback, LightningModule, Trainer  # noqa: E402
from lightning.pytorch.callbacks import ModelCheckpoint  # noqa: E402
from lightning.pytorch.loggers import CSVLogger  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, Dataset, TensorDataset  # noqa: E402

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def held(name: str) -> float:
    with open("/proc/self/status", encoding="ascii") as status:
        return next((int(line.split()[1]) / 1024 for line in status if line.startswith(name + ":")), 0.0)


def measured(work) -> dict:
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as peak:
        peak.write("5")
    before, start = held("VmRSS"), resource.getrusage(resource.RUSAGE_SELF).ru_utime
    work()
    return {"seconds": resource.getrusage(resource.RUSAGE_SELF).ru_utime - start, "mib": max(0.0, held("VmHWM") - before)}


class Model(LightningModule):
    """One number to learn, `layers` times over."""

    def __init__(self, layers: int = 1, on_step=None):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(layers))
        self.weights, self.on_step = list(self.parameters()), on_step

    def training_step(self, batch, batch_idx):
        loss = batch[0].mean() * self.weights[0].sum()
        for weight in self.weights:
            loss = loss + weight.sum()
        if self.on_step:
            self.on_step(self, loss)
        return loss

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("val_loss", batch[0].mean())

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        return batch[0]

    def configure_optimizers(self):
        return torch.optim.SGD(self.weights, 1e-6)


class Numbers(Dataset):
    def __init__(self, size: int):
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int):
        return torch.zeros(1), torch.zeros(1)


def batches(count: int, size: int = 1, shuffle: bool = False) -> DataLoader:
    zeros = torch.zeros(count * size)
    return DataLoader(TensorDataset(zeros, zeros), batch_size=size, shuffle=shuffle)


def quiet(epochs: int = 1, **more) -> dict:
    return {"accelerator": "cpu", "logger": False, "max_epochs": epochs, "num_sanity_val_steps": 0, "enable_checkpointing": False,
            "enable_progress_bar": False, "enable_model_summary": False} | more


def fit(options: dict, train, model: Model | None = None, val=None) -> dict:
    trainer, model = Trainer(**options), model or Model()
    return measured(lambda: trainer.fit(model, train, val))


def with_callbacks(n: int) -> dict:
    callbacks = [type(f"Nothing{i}", (Callback,), {})() for i in range(n)]
    return measured(lambda: Trainer(**quiet(callbacks=callbacks)).fit(Model(), batches(2)))


def logged(n: int, folder: str) -> dict:
    names = [f"value{i}" for i in range(n)]

    def on_step(self, loss):
        for name in names:
            self.log(name, loss, on_step=True, on_epoch=True)

    return fit(quiet(logger=CSVLogger(folder), log_every_n_steps=1), batches(10), Model(on_step=on_step))


def predictions(n: int) -> dict:
    trainer = Trainer(**quiet())
    return measured(lambda: trainer.predict(Model(), batches(n)))


def tensors(count: int, mib: int = 16) -> dict:
    return {f"layers.{i}.weight": torch.ones((mib << 18) // count) for i in range(count)}


def saved(state: dict, folder: str) -> dict:
    return measured(lambda: torch.save(state, f"{folder}/weights.pt"))


def views(n: int) -> dict:
    all_numbers = torch.ones(16, n << 14)
    return {str(i): all_numbers.t()[:, 2 * i:2 * i + 2] for i in range(8)}


def loaded(state: dict, folder: str) -> dict:
    torch.save(state, f"{folder}/weights.pt")
    module = nn.Module()
    module.layers = nn.ModuleList(nn.Module() for _ in state)
    for one, tensor in zip(module.layers, state.values()):
        one.weight = nn.Parameter(torch.empty_like(tensor))
    return measured(lambda: module.load_state_dict(torch.load(f"{folder}/weights.pt")))


def resumed(n: int, folder: str) -> dict:
    first = Trainer(**quiet())
    first.fit(Model(n), batches(1))
    first.save_checkpoint(f"{folder}/run.ckpt")
    second, model = Trainer(**quiet(2)), Model(n)
    return measured(lambda: second.fit(model, batches(1), ckpt_path=f"{folder}/run.ckpt"))


def kept(n: int, folder: str, monitor: str | None) -> dict:
    callback = ModelCheckpoint(dirpath=f"{folder}/kept", monitor=monitor, save_top_k=-1)
    return fit(quiet(n, enable_checkpointing=True, callbacks=[callback]), batches(1), Model(on_step=lambda self, loss: self.log("loss", loss)))


def csv(n: int, folder: str, new_columns: bool) -> dict:
    logger = CSVLogger(folder, flush_logs_every_n_steps=1)

    def work() -> None:
        for i in range(n):
            logger.log_metrics({f"value{i}" if new_columns else "value": 0.5}, i)
        logger.save()

    return measured(work)


def late_column(n: int, folder: str) -> dict:
    logger = CSVLogger(folder, flush_logs_every_n_steps=1000)
    for i in range(n):
        logger.log_metrics({"loss_step": 0.123456789}, i)
    logger.save()

    def work() -> None:
        logger.log_metrics({"loss_epoch": 0.5}, n)
        logger.save()

    return measured(work)


def forwards(n: int) -> dict:
    import torchmetrics
    auroc = torchmetrics.AUROC(task="binary")
    preds, target = torch.rand(8), torch.arange(8) % 2

    def work() -> None:
        for _ in range(n):
            auroc(preds, target)

    return measured(work)


AXES = {
    "steps of an epoch": lambda n, folder: fit(quiet(), batches(n)),
    "epochs": lambda n, folder: fit(quiet(n), batches(1)),
    "layers": lambda n, folder: fit(quiet(), batches(2), Model(n)),
    "values logged in a step": logged,
    "callbacks": lambda n, folder: with_callbacks(n),
    "samples in memory, shuffled": lambda n, folder: fit(quiet(), batches(n // 1000, 1000, shuffle=True)),
    "samples that two batches leave": lambda n, folder: fit(quiet(5, limit_train_batches=2), DataLoader(Numbers(n))),
    "samples that a sanity check leaves":
        lambda n, folder: fit(quiet(num_sanity_val_steps=2, limit_val_batches=3), batches(1), val=DataLoader(Numbers(n))),
    "validation loaders": lambda n, folder: fit(quiet(), batches(1), val=[batches(1) for _ in range(n)]),
    "predictions": lambda n, folder: predictions(n),
    "tensors of 16 MiB, saved": lambda n, folder: saved(tensors(n), folder),
    "tensors of 16 MiB, loaded": lambda n, folder: loaded(tensors(n), folder),
    "MiB of one tensor, saved": lambda n, folder: saved(tensors(1, n), folder),
    "MiB of eight views, saved": lambda n, folder: saved(views(n), folder),
    "MiB of one tensor, loaded": lambda n, folder: loaded(tensors(1, n), folder),
    "layers of a run that goes on": resumed,
    "checkpoints that are all kept": lambda n, folder: kept(n, folder, None),
    "the same with a monitor": lambda n, folder: kept(n, folder, "loss"),
    "rows of a CSV file": lambda n, folder: csv(n, folder, False),
    "rows before a late column of a CSV file": late_column,
    "columns of a CSV file, each new": lambda n, folder: csv(n, folder, True),
    "batches before a forward of AUROC": lambda n, folder: forwards(n),
}

torch.set_num_threads(1)
axis, size, where = sys.argv[1], int(sys.argv[2]), sys.argv[3]
print(json.dumps(AXES[axis](size, where) if axis in AXES else {}))
