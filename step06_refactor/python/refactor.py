"""step06 in Python, to the last bit: python3 refactor.py FOLDER SEED EPOCHS MODEL.

Seeded alike, it draws the same random numbers in the same order as the program in C++: first the
weights, then the permutations of libtorch's RandomSampler, with dropout's masks between them.
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


# region models
class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.hidden = nn.Linear(32 * 7 * 7, 128)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(128, 10)

    def forward(self, images):
        features = torch.max_pool2d(torch.relu(self.conv1(images)), 2)
        features = torch.max_pool2d(torch.relu(self.conv2(features)), 2)
        features = torch.relu(self.hidden(features.flatten(1)))
        return self.output(self.dropout(features))


MODELS = {"cnn": Cnn, "mlp": Mlp}
# endregion


class LibtorchOrder(torch.utils.data.Sampler):
    """libtorch's RandomSampler: it draws a permutation when it is made, and one for each epoch."""

    def __init__(self, samples):
        self.samples = samples
        torch.randperm(samples)

    def __iter__(self):
        return iter(torch.randperm(self.samples).tolist())

    def __len__(self):
        return self.samples


def train_one_epoch(model, loader, optimizer):
    model.train()
    criterion = nn.CrossEntropyLoss()
    total, samples = torch.zeros(()), 0
    for images, labels in loader:
        scores = model(images)
        loss = criterion(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(images)
        samples += len(images)
    return total.item() / samples


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
torch.manual_seed(int(sys.argv[2]))
dataset = FashionMnist(sys.argv[1], "train")
net = MODELS[sys.argv[4]]()
# A generator of the loader's own: Python's DataLoader would draw from the global one, libtorch's does not.
train_loader = DataLoader(dataset, batch_size=64, sampler=LibtorchOrder(len(dataset)),
                          generator=torch.Generator())
sgd = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(1, int(sys.argv[3]) + 1):
    print(f"epoch {epoch}  loss {train_one_epoch(net, train_loader, sgd):.4f}")
test_loader = DataLoader(FashionMnist(sys.argv[1], "t10k"), 64, generator=torch.Generator())
test_loss, test_accuracy = evaluate(net, test_loader)
print(f"test loss {test_loss:.4f}, test accuracy {100 * test_accuracy:.2f} %")
