"""`python -m pokedex_train`."""
from .cli import main

main()
