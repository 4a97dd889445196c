"""step03 in Python: python3 model.py."""
import torch
from torch import nn


# region net
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(28 * 28, 128)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(128, 10)

    def forward(self, images):
        features = torch.relu(self.hidden(images.flatten(1)))
        return self.output(self.dropout(features))
# endregion


if __name__ == "__main__":
    for name, parameter in Net().named_parameters():
        print(name, list(parameter.shape), parameter.numel())
