"""Step 12 in Python: the classifier as a LightningModule. It needs the package `lightning`; the shapes, names and hooks are those of lit_classifier.cpp."""
import sys

import lightning as L
import torch
from torch import nn
from torchmetrics import MaxMetric
from torchmetrics.classification import Accuracy
from torchvision import datasets, transforms


# region module
class LitClassifier(L.LightningModule):
    def __init__(self, net, lr=1.5e-3):
        super().__init__()
        self.save_hyperparameters(ignore="net")
        self.net = net
        self.train_acc, self.val_acc, self.test_acc = (Accuracy(task="multiclass", num_classes=10) for _ in range(3))
        self.val_acc_best = MaxMetric()

    def step(self, batch):
        images, labels = batch
        scores = self.net(images)
        return nn.functional.cross_entropy(scores, labels), scores.detach(), labels

    def training_step(self, batch, batch_idx):
        loss, scores, labels = self.step(batch)
        self.train_acc.update(scores, labels)
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True)
        self.log("train_acc", self.train_acc, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        loss, scores, labels = self.step(batch)
        self.val_acc.update(scores, labels)
        self.log("val_loss", loss, prog_bar=True)
        self.log("val_acc", self.val_acc, prog_bar=True)

    def on_train_start(self):  # the sanity check is not the best
        self.val_acc_best.reset()

    def on_validation_epoch_end(self):
        self.val_acc_best.update(self.val_acc.compute())
        self.log("val_acc_best", self.val_acc_best.compute(), prog_bar=True)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": "val_loss"}}
# endregion


def main(folder: str) -> None:
    scale = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.2860, 0.3530)])
    everything = datasets.FashionMNIST(folder, transform=scale)
    train, validation = torch.utils.data.random_split(everything, [0.9, 0.1])
    loaders = [torch.utils.data.DataLoader(one, batch_size=128, shuffle=shuffle) for one, shuffle in ((train, True), (validation, False))]
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    trainer = L.Trainer(max_epochs=5, callbacks=[L.pytorch.callbacks.EarlyStopping("val_loss"),
                                                 L.pytorch.callbacks.ModelCheckpoint(monitor="val_loss", save_last=True)])
    trainer.fit(LitClassifier(net), *loaders)


if __name__ == "__main__":
    main(sys.argv[1])
