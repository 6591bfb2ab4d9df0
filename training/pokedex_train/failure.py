"""What can go wrong and be said in a line, with what to do about it."""


class Failure(Exception):
    """A message, and a hint that one can act on."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
