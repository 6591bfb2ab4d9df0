"""``python -m pokedex`` is the command that came with this module."""

import os
import sys
import sysconfig
from pathlib import Path


def main() -> None:
    for scheme in (None, "posix_user", "posix_prefix"):
        folder = sysconfig.get_path("scripts") if scheme is None else sysconfig.get_path("scripts", scheme)
        command = Path(folder, "pokedex")
        if command.is_file():
            os.execv(command, [str(command), *sys.argv[1:]])
    sys.exit("pokedex: the command is not where this module was installed\nhint: pip install --force-reinstall pokedex")


main()
