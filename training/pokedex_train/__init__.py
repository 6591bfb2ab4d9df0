"""Fine-tunes a model of this project on a table of one's own: `python -m pokedex_train finetune --help`."""

__version__ = "0.1.0"
