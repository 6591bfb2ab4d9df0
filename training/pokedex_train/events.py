"""What TensorBoard shows, where tensorboardX is installed and a folder is named."""
from pathlib import Path
from typing import Any

from .failure import Failure
from .objective import Figures


class Events:
    """Does nothing where no folder is named."""

    def __init__(self, folder: Path | None, step: int) -> None:
        self.writer: Any = None
        if folder is not None:
            try:
                from tensorboardX import SummaryWriter
            except ImportError as e:
                raise Failure("--tensorboard needs the package tensorboardX", "pip install tensorboardX") from e
            # What an earlier process wrote after its last checkpoint is struck out.
            self.writer = SummaryWriter(str(folder), purge_step=step or None)

    def add(self, step: int, loss: float | None, figures: Figures, rate: float) -> None:
        if self.writer is not None:
            numbers = {"train/loss": loss, "validation/loss": figures.loss, "validation/top1": figures.top1, "validation/mrr": figures.mrr, "train/rate": rate}
            for name, value in numbers.items():
                if value is not None:
                    self.writer.add_scalar(name, value, step)
            self.writer.flush()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
