"""Trains a small network with Python's Lightning by a scenario, and prints what happened.

    run.py SCENARIO.json FOLDER [--from CKPT]
    run.py --serve

The scenario is one JSON object; DEFAULTS has its keys. One JSON object a line says what happened: run.cpp beside this
prints the same lines from the same scenario, and relay.py lays them side by side. So everything here follows a formula
(see waves), in float64, and nothing is drawn by chance. Files lie in FOLDER/ckpt.

All events come from hooks of the module, which Lightning calls after those of the callbacks: a file that a callback
writes at the end of a batch is there before the line that tells of that batch.

--serve saves the seconds that importing Lightning takes: it does one job after the other, each in a process of its own.
A line of the standard input names a job, {"words": [SCENARIO.json, FOLDER, ...], "out": FILE, "err": FILE}, and a line of
the standard output answers with its exit code.
"""
import argparse
import json
import logging
import os
import sys
import traceback
import warnings
from datetime import timedelta
from pathlib import Path

import torch
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

import lightning.pytorch as pl
from lightning.pytorch import callbacks
from lightning.pytorch.loggers.logger import Logger

DEFAULTS = {
    "optimizer": "adam", "groups": False, "scheduler": None, "interval": "epoch", "frequency": 1,
    "batches": 8, "val_batches": 3, "epochs": 4, "max_steps": -1, "accumulate": 1, "clip_val": None,
    "clip_algorithm": "norm", "manual": False, "val_check_interval": 1.0, "check_val_every_n_epoch": 1,
    "log_every_n_steps": 1, "sanity": 0, "ema": None, "finetuning": None, "checkpoints": [], "early_stopping": None,
    "on_exception": False, "datamodule": False, "hparams": None, "save_after": False, "fail": None, "then": None,
    "resumable": False}  # whether the loader of the training data goes on in mid-epoch, where Lightning's own begins anew

# Of each its class and its options.
OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"lr": 0.05}),
    "momentum": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "adam": (torch.optim.Adam, {"lr": 0.01}),
    "amsgrad": (torch.optim.Adam, {"lr": 0.01, "amsgrad": True, "weight_decay": 0.01}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
    "adamw_amsgrad": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.01}),
    "rmsprop_centered": (torch.optim.RMSprop, {"lr": 0.01, "centered": True, "momentum": 0.9}),
    "adagrad": (torch.optim.Adagrad, {"lr": 0.05, "lr_decay": 0.01})}


def sequential(optimizer: torch.optim.Optimizer) -> lr_scheduler.SequentialLR:
    warm_up = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=4)
    return lr_scheduler.SequentialLR(optimizer, [warm_up, lr_scheduler.ExponentialLR(optimizer, 0.9)], milestones=[4])


SCHEDULERS = {
    "step": lambda optimizer: lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5),
    "multistep": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [2, 5, 5], gamma=0.5),
    "exponential": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9),
    "linear": lambda optimizer: lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=5),
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, T_max=10),
    "restarts": lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=3, T_mult=2),
    "onecycle": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=40),
    "onecycle_three": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=40, three_phase=True,
                                                                anneal_strategy="linear"),
    "lambda": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda n: 1 / (1 + n)),
    "sequential": sequential,
    "plateau": lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=0, threshold=0.01)}


class FailedOnPurpose(RuntimeError):
    """What a scenario's "fail" raises."""


def emit(event: str, **values: object) -> None:
    print(json.dumps({"e": event} | values), flush=True)


def waves(sizes: tuple[int, ...], pace: float) -> torch.Tensor:
    n = torch.Size(sizes).numel()
    return torch.sin(torch.arange(n, dtype=torch.float64) * pace).reshape(sizes)


def flat(parameters: list[torch.Tensor]) -> list[float]:
    return [value for p in parameters for value in p.detach().flatten().tolist()]


def rates(trainer: pl.Trainer) -> list[float]:
    return [float(group["lr"]) for optimizer in trainer.optimizers for group in optimizer.param_groups]


class ResumingLoader(DataLoader):
    """A DataLoader whose next epoch begins behind `skip` batches."""

    skip = 0

    def __iter__(self):
        iterator = super().__iter__()
        for _ in range(self.skip):
            next(iterator)
        self.skip = 0
        return iterator


class Data:
    """The loaders of a scenario."""

    def __init__(self, scenario: dict) -> None:
        self.scenario = scenario

    def train(self, trainer: pl.Trainer) -> DataLoader:
        n = 2 * self.scenario["batches"]
        loader = ResumingLoader(TensorDataset(waves((n, 4), 0.7), waves((n, 1), 1.3)), batch_size=2)
        if self.scenario["resumable"]:  # behind what the restored state calls processed
            loader.skip = trainer.fit_loop.epoch_loop.batch_progress.current.processed % len(loader)
        return loader

    def held_out(self) -> DataLoader | list:
        n = 2 * self.scenario["val_batches"]
        return DataLoader(TensorDataset(waves((n, 4), 0.9), waves((n, 1), 1.1)), batch_size=2) if n else []


class WavesData(pl.LightningDataModule):
    """The same loaders, and the number of training batches that were begun, which a checkpoint keeps."""

    def __init__(self, data: Data) -> None:
        super().__init__()
        self.data = data
        self.batches = 0

    def train_dataloader(self) -> DataLoader:
        return self.data.train(self.trainer)

    def val_dataloader(self) -> DataLoader | list:
        return self.data.held_out()

    test_dataloader = predict_dataloader = val_dataloader

    def state_dict(self) -> dict:
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict) -> None:
        self.batches = state_dict["batches"]


class Net(pl.LightningModule):
    """Two layers, which tell what happens to them."""

    def __init__(self, scenario: dict) -> None:
        super().__init__()
        self.scenario = scenario
        self.automatic_optimization = not scenario["manual"]
        if scenario["hparams"] is not None:
            self.save_hyperparameters(scenario["hparams"])
        self.body = torch.nn.Linear(4, 6)
        self.head = torch.nn.Linear(6, 1)
        self.loss = 0.0
        with torch.no_grad():
            for i, p in enumerate(self.parameters()):
                p.copy_(0.5 * waves(p.shape, 0.4 + 0.1 * i))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.body(x)))

    # Steps.

    def error(self, batch: list[torch.Tensor]) -> torch.Tensor:
        x, y = batch
        return torch.nn.functional.mse_loss(self(x), y)

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        self.fail_at("batch", batch_idx)
        if self.scenario["datamodule"]:
            self.trainer.datamodule.batches += 1
        loss = self.error(batch)
        self.loss = loss.item()  # Lightning's own, in on_train_batch_end, is divided by `accumulate`
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        if self.scenario["manual"]:
            optimizer = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
        return loss

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        self.fail_at("validation", batch_idx)
        self.log("val_loss", self.error(batch))

    def test_step(self, batch: list[torch.Tensor]) -> None:
        self.log("test_loss", self.error(batch))

    def predict_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return self(batch[0])

    # What trains it.

    def configure_optimizers(self) -> dict:
        make, options = OPTIMIZERS[self.scenario["optimizer"]]
        parameters = [p for p in self.parameters() if p.requires_grad]  # a frozen body waits until it thaws
        if self.scenario["groups"]:
            parameters = [{"params": self.body.parameters()}, {"params": self.head.parameters(), "lr": options["lr"] / 2}]
        optimizer = make(parameters, **options)
        if not (name := self.scenario["scheduler"]):
            return {"optimizer": optimizer}
        interval = self.scenario["interval"]
        return {"optimizer": optimizer, "lr_scheduler": {
            "scheduler": SCHEDULERS[name](optimizer), "interval": interval, "frequency": self.scenario["frequency"],
            "monitor": "val_loss" if interval == "epoch" else "train_loss_step"}}

    def step_scheduler(self) -> None:
        """In manual optimization that is the module's to do."""
        if self.scenario["scheduler"] == "plateau":
            self.lr_schedulers().step(self.trainer.callback_metrics["val_loss"])
        elif self.scenario["scheduler"]:
            self.lr_schedulers().step()

    # What is told.

    def fail_at(self, where: str, batch: int | None = None) -> None:
        fail = self.scenario["fail"]
        if (fail and not self.trainer.sanity_checking and fail["where"] == where and fail["epoch"] == self.current_epoch
                and batch in (None, fail.get("batch", 0))):
            raise FailedOnPurpose(f"{where} of epoch {self.current_epoch} failed on purpose")

    def tell(self, event: str, **values: object) -> None:
        emit(event, epoch=self.current_epoch, step=self.global_step, **values)

    def on_train_start(self) -> None:
        self.tell("train_start")

    def on_train_epoch_start(self) -> None:
        self.tell("epoch_start")

    def on_train_batch_end(self, outputs: object, batch: object, batch_idx: int) -> None:
        self.tell("batch", batch=batch_idx, lr=rates(self.trainer), loss=self.loss,
                  w=sum(p.detach().abs().sum().item() for p in self.parameters()))

    def on_validation_start(self) -> None:
        if not self.trainer.sanity_checking:
            self.tell("val_start")

    def on_validation_epoch_end(self) -> None:
        self.fail_at("validation_epoch_end")

    def on_validation_end(self) -> None:
        if not self.trainer.sanity_checking:
            self.tell("val", val_loss=self.trainer.callback_metrics["val_loss"].item())

    def on_train_epoch_end(self) -> None:
        self.fail_at("epoch_end")
        self.tell("epoch_end")
        if self.scenario["manual"]:
            self.step_scheduler()

    def on_train_end(self) -> None:
        self.tell("train_end")


class TellingLogger(Logger):
    """Tells what Lightning logs."""

    name = "telling"
    version = 0

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        emit("log", step=step, metrics={name: float(metrics[name]) for name in sorted(metrics)})

    def log_hyperparams(self, *args: object, **kwargs: object) -> None:
        """They are in the checkpoints too."""


class Thaw(callbacks.BaseFinetuning):
    """The body learns from an epoch on; until then it is frozen."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def freeze_before_training(self, pl_module: Net) -> None:
        self.freeze(pl_module.body)

    def finetune_function(self, pl_module: Net, epoch: int, optimizer: torch.optim.Optimizer) -> None:
        if epoch == self.epoch:
            self.unfreeze_and_add_param_group(pl_module.body, optimizer)


class Run:
    """A scenario with all that it needs."""

    def __init__(self, scenario: dict, folder: Path) -> None:
        self.scenario = scenario
        self.files = folder / "ckpt"
        self.module = Net(scenario)
        self.data = Data(scenario)
        self.datamodule = WavesData(self.data) if scenario["datamodule"] else None
        self.averaging = callbacks.EMAWeightAveraging(decay=scenario["ema"]) if scenario["ema"] is not None else None
        self.stopping = callbacks.EarlyStopping(**scenario["early_stopping"]) if scenario["early_stopping"] else None
        self.checkpoints = [self.checkpoint(options) for options in scenario["checkpoints"]]
        self.trainer = pl.Trainer(
            accelerator="cpu", devices=1, max_epochs=scenario["epochs"], max_steps=scenario["max_steps"],
            accumulate_grad_batches=scenario["accumulate"], gradient_clip_val=scenario["clip_val"],
            gradient_clip_algorithm=scenario["clip_algorithm"] if scenario["clip_val"] is not None else None,
            val_check_interval=scenario["val_check_interval"], check_val_every_n_epoch=scenario["check_val_every_n_epoch"],
            log_every_n_steps=scenario["log_every_n_steps"], num_sanity_val_steps=scenario["sanity"],
            default_root_dir=folder, logger=TellingLogger(), callbacks=self.callbacks(), enable_progress_bar=False,
            enable_model_summary=False, enable_checkpointing=bool(scenario["checkpoints"] or scenario["on_exception"]))

    def checkpoint(self, options: dict) -> callbacks.ModelCheckpoint:
        options = {"dirpath": self.files} | options
        if (seconds := options.get("train_time_interval")) is not None:
            options["train_time_interval"] = timedelta(seconds=seconds)
        return callbacks.ModelCheckpoint(**options)

    def callbacks(self) -> list[pl.Callback]:
        """In this order: averaging, thawing, stopping, checkpoints, the one for exceptions."""
        made = [self.averaging, Thaw(self.scenario["finetuning"]) if self.scenario["finetuning"] is not None else None,
                self.stopping, *self.checkpoints,
                callbacks.OnExceptionCheckpoint(self.files, "crash") if self.scenario["on_exception"] else None]
        return [callback for callback in made if callback is not None]

    def fit(self, resumed: str | None) -> None:
        self.module.train_dataloader = lambda: self.data.train(self.trainer)
        self.module.val_dataloader = self.data.held_out
        self.trainer.fit(self.module, datamodule=self.datamodule, ckpt_path=resumed)
        if self.scenario["save_after"]:
            self.trainer.save_checkpoint(self.files / "after.ckpt")

    def evaluate(self, checkpoint: str) -> dict | list[float]:
        """The metrics of validate or test, or the sums of what was predicted."""
        given = {"datamodule": self.datamodule} if self.datamodule else {"dataloaders": self.data.held_out()}
        given |= {"model": self.module, "ckpt_path": checkpoint}
        if self.scenario["then"] == "predict":
            return [predicted.sum().item() for predicted in self.trainer.predict(**given)]
        results = getattr(self.trainer, self.scenario["then"])(**given, verbose=False)
        return {name: value for metrics in results for name, value in sorted(metrics.items())}

    def kept(self) -> dict[str, int]:
        """The files of checkpoints, with the step of each."""
        files = sorted(str(path.relative_to(self.files)) for path in self.files.rglob("*.ckpt"))
        return {name: torch.load(self.files / name)["global_step"] for name in files}

    def best(self) -> list[list]:
        """Of each ModelCheckpoint the name and the score of its best file."""
        return [[Path(c.best_model_path).name, None if c.best_model_score is None else float(c.best_model_score)]
                for c in self.checkpoints]

    def end(self) -> dict:
        """What is left in the end; what the scenario has not is not there."""
        values = {"epoch": self.trainer.current_epoch, "step": self.trainer.global_step,
                  "weights": flat(self.module.parameters()), "lr": rates(self.trainer), "files": self.kept(), "best": self.best()}
        if self.stopping:
            values |= {"stopped_epoch": self.stopping.stopped_epoch, "wait_count": self.stopping.wait_count}
        if self.datamodule:
            values["datamodule"] = self.datamodule.batches
        return values


def run(words: list[str]) -> None:
    """One run by the words of a command line."""
    parser = argparse.ArgumentParser(description="Trains by a scenario, and prints what happened.")
    parser.add_argument("scenario", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from", dest="resumed", metavar="CKPT")
    given = parser.parse_args(words)
    scenario = json.loads(given.scenario.read_text(encoding="utf-8"))
    if unknown := scenario.keys() - DEFAULTS:
        sys.exit(f"a scenario has no {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    made = Run(DEFAULTS | scenario, given.folder.resolve())
    more = {}
    try:
        if given.resumed and made.scenario["then"]:
            more["results"] = made.evaluate(given.resumed)
        else:
            made.fit(given.resumed)
    except FailedOnPurpose as error:
        more["error"] = str(error)
    emit("end", **made.end(), **more)


def do(job: dict) -> None:
    """A job of --serve, in the process that was forked for it."""
    for key, stream in (("out", 1), ("err", 2)):
        file = os.open(job[key], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream)
    code = 1
    try:
        run(job["words"])
        code = 0
    except SystemExit as end:
        print(end, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            do(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        run(sys.argv[1:])
