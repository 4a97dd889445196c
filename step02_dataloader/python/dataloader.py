"""step02 in Python: python3 dataloader.py FOLDER, the folder holding the IDX files as .gz."""
import gzip
import sys
from pathlib import Path

import torch
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


train = FashionMnist(sys.argv[1], "train")

# region loader
loader = DataLoader(train, batch_size=64, shuffle=True, num_workers=0, drop_last=False)
batches = [(images.shape, labels.shape) for images, labels in loader]
# endregion

print(f"{len(batches)} batches")
for name, (images, labels) in (("the first", batches[0]),
                               (f"the last, number {len(batches)}", batches[-1])):
    print(f"  {name}: data {list(images)}, target {list(labels)}")
print(f"  with drop_last: {len(DataLoader(train, batch_size=64, drop_last=True))} batches")
