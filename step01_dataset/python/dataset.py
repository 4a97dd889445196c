"""step01 in Python: python3 dataset.py FOLDER, the folder holding the IDX files as .gz."""
import gzip
import sys
from pathlib import Path

import torch


# region dataset
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
        return self.pixels[index], self.labels[index]
# endregion


if __name__ == "__main__":
    train = FashionMnist(sys.argv[1], "train")
    test = FashionMnist(sys.argv[1], "t10k")
    print(f"train.size() = {len(train)}, test.size() = {len(test)}")
    pixels = torch.cat([train[i][0] for i in range(len(train))])
    deviation = pixels.double().std(unbiased=False).item()
    print(f"over all pixels: mean {pixels.double().mean().item():.4f}, "
          f"standard deviation {deviation:.4f}")
