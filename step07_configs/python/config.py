"""step07's config in Python: defaults, then a file, then flags; python3 config.py [--config FILE] [--epochs 3 ...]."""
import argparse
import tomllib
from dataclasses import dataclass, fields


# region config
@dataclass
class Config:
    dataset: str = "fashion-mnist"
    data_dir: str = ""
    batch_size: int = 64
    model: str = "mlp"
    hidden: int = 128
    channels: int = 16
    dropout: float = 0.2
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.0
    weight_decay: float = 0.0
    epochs: int = 10
    device: str = "auto"
    threads: int = 0


def read_command_line() -> Config:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config")
    for field in fields(Config):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=field.type)
    flags = vars(parser.parse_args())
    path = flags.pop("config")
    file = tomllib.load(open(path, "rb")) if path else {}
    given = {key: value for key, value in flags.items() if value is not None}
    return Config(**(file | given))  # the right side of | wins; a key of the file that is no field is refused
# endregion


for name, value in vars(read_command_line()).items():
    print(f"{name} = {value!r}")
