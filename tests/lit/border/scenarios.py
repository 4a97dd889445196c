"""The runs that cross the border between our Trainer and Lightning.

A scenario is what run.py and run.cpp are given; "half" is what the first half has instead, and "file" the checkpoint, below
ckpt/, that the second half goes on from. RELAYS change sides more than once: "legs" is what each leg has instead, the last
nothing.
"""

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam", "amsgrad", "adamw", "adamw_amsgrad", "rmsprop", "rmsprop_centered", "adagrad")
SCHEDULERS = ("step", "multistep", "exponential", "linear", "cosine", "restarts", "onecycle", "onecycle_three", "lambda",
              "sequential", "plateau")

# Every third step, or half an epoch: a run that fails in batch 5 of epoch 1 leaves the file of its fourth batch.
BY_STEPS = {"every_n_train_steps": 3, "save_top_k": -1}
FAIL_IN_EPOCH_1 = {"fail": {"where": "batch", "epoch": 1, "batch": 5}}
MID_EPOCH = "epoch=1-step=12.ckpt"


def crossing(half: dict, file: str, **scenario: object) -> dict:
    return {"scenario": scenario, "half": half, "file": file}


def by_epochs(first: int = 2, /, **scenario: object) -> dict:
    """The first half has fewer epochs, and leaves last.ckpt."""
    return crossing({"epochs": first}, "last.ckpt", **{"checkpoints": [{"save_last": True}]} | scenario)


def keeping(*options: dict, file: str = "last.ckpt", **scenario: object) -> dict:
    """By epochs, with these ModelCheckpoints."""
    return crossing({"epochs": 2}, file, checkpoints=list(options), **scenario)


def in_mid_epoch(*options: dict, **scenario: object) -> dict:
    """The first half fails in epoch 1; its newest file is older than that."""
    return crossing(FAIL_IN_EPOCH_1, MID_EPOCH, checkpoints=list(options or [BY_STEPS]), **scenario)


def failing(where: str, **scenario: object) -> dict:
    """The first half fails, and OnExceptionCheckpoint writes the file."""
    fail = {"where": where, "epoch": 1, "batch": 2 if where == "validation" else 3}
    return crossing({"fail": fail}, "crash.ckpt", on_exception=True, **scenario)


def optimizers() -> dict:
    return {f"optimizer {name}": by_epochs(optimizer=name) for name in OPTIMIZERS} | {
        "groups": by_epochs(groups=True),
        "groups, nesterov, one cycle": by_epochs(groups=True, optimizer="nesterov", scheduler="onecycle", interval="step"),
        "manual": by_epochs(manual=True),
        "manual, exponential": by_epochs(manual=True, scheduler="exponential")}


def schedulers() -> dict:
    epochs = {f"{name} by epoch": by_epochs(3, scheduler=name, batches=4, epochs=7) for name in SCHEDULERS}
    steps = {f"{name} by step": by_epochs(scheduler=name, interval="step") for name in SCHEDULERS}
    return epochs | steps | {
        # Their losses fall by less than a hundredth from epoch 6 on.
        "plateau by epoch": by_epochs(3, scheduler="plateau", epochs=9),
        "plateau by epoch, after a drop": by_epochs(8, scheduler="plateau", epochs=9),
        "plateau by epoch, at a drop": by_epochs(7, scheduler="plateau", epochs=9),
        "plateau by 4 steps": by_epochs(scheduler="plateau", interval="step", frequency=4),
        "exponential by 2 epochs": by_epochs(3, scheduler="exponential", frequency=2, batches=4, epochs=7),
        "step by 3 steps": by_epochs(scheduler="step", interval="step", frequency=3)}


def checkpoints() -> dict:
    best = {"monitor": "val_loss", "save_last": True}
    return {
        "top 1": keeping(best),
        "top 2": keeping(best | {"save_top_k": 2}),
        "top 2, from the best": keeping(best | {"save_top_k": 2}, file="epoch=1-step=16.ckpt"),
        "top all": keeping(best | {"save_top_k": -1}),
        "top 0 and last": keeping({"save_top_k": 0, "save_last": True}),
        "top 2, max": keeping({"monitor": "train_loss_epoch", "mode": "max", "save_top_k": 2, "save_last": True}),
        "by 8 steps": crossing({"epochs": 2}, "epoch=1-step=16.ckpt", checkpoints=[{"every_n_train_steps": 8, "save_top_k": -1}]),
        "by 2 epochs": keeping({"every_n_epochs": 2, "save_last": True}, epochs=6),
        "at the end of training epochs": keeping(best | {"save_on_train_epoch_end": True}),
        "at the end of validation": keeping(best | {"save_on_train_epoch_end": False}),
        "pattern": keeping({"filename": "{epoch:02d}-{val_loss:.3f}", "monitor": "val_loss", "save_top_k": 2, "save_last": True}),
        "pattern without names": keeping({"filename": "e{epoch}-s{step}", "auto_insert_metric_name": False, "save_last": True}),
        "by a day": keeping({"train_time_interval": 86400, "save_last": True}),
        "by 1.5 s": keeping({"train_time_interval": 1.5, "save_top_k": 0}, {"save_last": True}),
        "last is a link": keeping({"save_last": "link", "save_top_k": -1}),
        "two of them": keeping({"monitor": "train_loss_epoch", "filename": "train-{epoch}"}, best | {"filename": "val-{epoch}"})}


def training() -> dict:
    """What else a run may have."""
    stopping = {"monitor": "val_loss", "min_delta": 0.08, "patience": 2}
    return {
        "early stopping": by_epochs(3, epochs=12, early_stopping=stopping),
        "early stopping, while it waits": by_epochs(4, epochs=12, early_stopping=stopping),
        "early stopping, stopped": crossing({}, "last.ckpt", epochs=12, early_stopping=stopping, checkpoints=[{"save_last": True}]),
        "accumulation": by_epochs(accumulate=4),
        "accumulation, uneven": by_epochs(accumulate=3),
        "clipping by norm": by_epochs(optimizer="momentum", clip_val=0.1),
        "clipping by value": by_epochs(optimizer="momentum", clip_val=0.05, clip_algorithm="value"),
        "ema": by_epochs(ema=0.9),
        "ema, top 2": keeping({"monitor": "val_loss", "save_top_k": 2, "save_last": True}, ema=0.9),
        "frozen": by_epochs(2, finetuning=3, epochs=5),
        "thawed": by_epochs(2, finetuning=1, epochs=5),
        "thaws at once": by_epochs(2, finetuning=2, epochs=5),
        "data module": by_epochs(datamodule=True),
        "hyperparameters": by_epochs(hparams={"width": 6, "name": "net", "rates": [0.1, 0.2], "deep": {"yes": True, "none": None}}),
        "sanity check": by_epochs(sanity=2),
        "validation by 2 epochs": by_epochs(check_val_every_n_epoch=2),
        "no validation": by_epochs(val_batches=0),
        "log by 3 steps": by_epochs(log_every_n_steps=3),
        "at most 30 steps": by_epochs(max_steps=30, epochs=-1)}


def in_the_middle() -> dict:
    """Files from the middle of an epoch, with a loader that goes on there and with Lightning's, which does not."""
    half_an_epoch = {"monitor": "val_loss", "save_top_k": -1}
    made = {
        "steps": in_mid_epoch(),
        "steps, exponential": in_mid_epoch(scheduler="exponential", interval="step"),
        "steps, accumulation": in_mid_epoch(BY_STEPS | {"every_n_train_steps": 2}, accumulate=2) | {"file": "epoch=1-step=6.ckpt"},
        "steps, ema": in_mid_epoch(ema=0.9),
        "steps, manual": in_mid_epoch(manual=True),
        "validation": in_mid_epoch(half_an_epoch, val_check_interval=0.5),
        "failed batch": failing("batch"),
        "failed in a window": failing("batch", accumulate=4)}  # of which three gradients are there
    plain = {f"mid-epoch, {name}": crossing for name, crossing in made.items()}
    return plain | {f"{name}, goes on": crossing | {"scenario": crossing["scenario"] | {"resumable": True}}
                    for name, crossing in plain.items()} | {
        "steps at an epoch's last batch": crossing({"fail": {"where": "batch", "epoch": 2, "batch": 1}}, "epoch=1-step=16.ckpt",
                                                   checkpoints=[{"every_n_train_steps": 8, "save_top_k": -1}]),
        "validation at an epoch's last batch": crossing({"fail": {"where": "batch", "epoch": 2, "batch": 1}}, "epoch=1-step=16.ckpt",
                                                        checkpoints=[half_an_epoch], val_check_interval=0.5)}


def ends() -> dict:
    """Files of runs that failed, and of save_checkpoint after a run."""
    return {
        "failed in validation": failing("validation"),
        "failed at validation's end": failing("validation_epoch_end"),
        "failed at an epoch's end": failing("epoch_end"),
        "saved after epochs": crossing({"epochs": 2}, "after.ckpt", save_after=True),
        "saved after 11 steps": crossing({"max_steps": 11}, "after.ckpt", save_after=True),
        "saved after 11 steps, goes on": crossing({"max_steps": 11}, "after.ckpt", save_after=True, resumable=True),
        "saved after 16 steps": crossing({"max_steps": 16}, "after.ckpt", save_after=True)}


def evaluations() -> dict:
    made = {f"then {what}": by_epochs(then=what) for what in ("validate", "test", "predict")}
    return made | {
        "then validate, weights only": keeping({"save_weights_only": True, "save_last": True}, then="validate"),
        "then validate, best": keeping({"monitor": "val_loss"}, then="validate", file="epoch=1-step=16.ckpt"),
        "then validate, ema": by_epochs(then="validate", ema=0.9),
        "then test, early stopping": by_epochs(then="test", early_stopping={"monitor": "val_loss"}),
        "then test, data module": by_epochs(then="test", datamodule=True),
        "then predict, manual": by_epochs(then="predict", manual=True),
        "then predict, thawed": by_epochs(then="predict", finetuning=1)}


SCENARIOS = optimizers() | schedulers() | checkpoints() | training() | in_the_middle() | ends() | evaluations()


def relay(**scenario: object) -> dict:
    """Six legs of one epoch each."""
    return {"scenario": {"epochs": 6, "checkpoints": [{"save_last": True}]} | scenario, "file": "last.ckpt",
            "legs": [{"epochs": n} for n in range(1, 6)] + [{}]}


RELAYS = {
    "relay": relay(),
    "relay of everything": relay(
        optimizer="nesterov", groups=True, scheduler="onecycle", interval="step", accumulate=3, clip_val=0.5, ema=0.9, datamodule=True,
        early_stopping={"monitor": "val_loss", "patience": 5}, checkpoints=[{"monitor": "val_loss", "save_top_k": 2, "save_last": True}])}


def kept() -> dict:
    """Small runs whose first halves, by Lightning, are kept for the tests: lightning/ beside this."""
    def small(**scenario: object) -> dict:
        return by_epochs(1, **{"epochs": 3, "batches": 3, "val_batches": 2} | scenario)

    made = {f"scheduler-{name}": small(scheduler=name, interval="step", optimizer="momentum")
            for name in ("multistep", "onecycle", "lambda", "sequential", "plateau", "restarts")}
    monitored = [{"monitor": "val_loss", "save_last": True, "save_top_k": 2}]
    steps = [{"every_n_train_steps": 2, "save_top_k": -1}]
    return made | {
        "adam": small(), "rmsprop": small(optimizer="rmsprop_centered", groups=True), "manual": small(manual=True),
        "ema": small(ema=0.9), "thawed": small(finetuning=1) | {"half": {"epochs": 2}}, "data-module": small(datamodule=True),
        "early-stopping": small(early_stopping={"monitor": "val_loss"}, checkpoints=monitored),
        "last-batch": small(checkpoints=steps, batches=2) | {"file": "epoch=0-step=2.ckpt"},
        "accumulation": small(accumulate=2), "saved-after": small(save_after=True) | {"file": "after.ckpt"},
        "saved-after-steps": small(save_after=True, max_steps=6) | {"half": {"max_steps": 3}, "file": "after.ckpt"},
        "failed-at-epoch-end": small(on_exception=True) | {"half": {"fail": {"where": "epoch_end", "epoch": 0}}, "file": "crash.ckpt"}}


KEPT = kept()
