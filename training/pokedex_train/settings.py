"""Every number of a run that one may want to change; what is here decides, with the table and the base, every bit of the result."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """As the flags of the command line, which say what each means."""

    captions: str
    pseudo_labels: bool = False
    epochs: int = 12
    batch: int = 32
    rate: float = 3e-4
    early_rate: float = 0.0
    keep: float = 0.5
    stay: float = 0.01
    teach: float = 1.0
    average: float = 0.98
    patience: int = 6
    views: int = 10
    seed: int = 7
    threads: int = 2
    device: str = "cpu"
