"""step10's checkpoint in Python: python3 checkpoint.py FOLDER MODEL.PT [OUT.PT].

Loads it, evaluates it, and writes another one, with the outputs of two classes exchanged, for C++ to read.
"""
import gzip
import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader


class FashionMnist(torch.utils.data.Dataset):
    def __init__(self, folder, split):
        images, labels = (gzip.open(Path(folder) / f"{split}-{kind}.gz").read()
                          for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        raw = torch.frombuffer(bytearray(images[16:]), dtype=torch.uint8)
        self.pixels = raw.reshape(-1, 1, 28, 28).float() / 255
        self.labels = torch.frombuffer(bytearray(labels[8:]), dtype=torch.uint8).long()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return (self.pixels[index] - 0.2860) / 0.3530, self.labels[index]


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(28 * 28, 128)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(128, 10)

    def forward(self, images):
        features = torch.relu(self.hidden(images.flatten(1)))
        return self.output(self.dropout(features))


def evaluate(model, loader):
    was_training = model.training
    model.eval()
    with torch.no_grad():
        labels = torch.cat([labels for _, labels in loader])
        scores = torch.cat([model(images) for images, _ in loader])
    model.train(was_training)
    loss = nn.functional.cross_entropy(scores, labels).item()
    accuracy = (scores.argmax(1) == labels).float().mean().item()
    return loss, accuracy


torch.set_num_threads(1)
# region load
safe = {"weights_only": True} if torch.__version__ >= "2" else {}  # 1.13's refuses every float
checkpoint = torch.load(sys.argv[2], **safe)
net = Mlp()
net.load_state_dict(checkpoint["state_dict"], strict=True)
print(f"{checkpoint['config']['model']} after {checkpoint['epoch']} epochs")
# endregion
test_loader = DataLoader(FashionMnist(sys.argv[1], "t10k"), 64, generator=torch.Generator())
test_loss, test_accuracy = evaluate(net, test_loader)
print(f"test loss {test_loss:.4f}, test accuracy {100 * test_accuracy:.2f} %")
if len(sys.argv) > 3:
    with torch.no_grad():
        for parameter in net.output.parameters():
            parameter[[0, 1]] = parameter[[1, 0]]
    # region save
    torch.save({"state_dict": net.state_dict(), "config": checkpoint["config"], "epoch": 0}, sys.argv[3])
    # endregion
    torch.save(net.state_dict(), sys.argv[3] + ".weights")
    test_loss, test_accuracy = evaluate(net, test_loader)
    print(f"exchanged: test loss {test_loss:.4f}, test accuracy {100 * test_accuracy:.2f} %")
