"""``python -m pokedex`` is the command that came with this module."""

import os
import shutil
import sys
import sysconfig


def main() -> None:
    places = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", "posix_user")]
    command = shutil.which("pokedex", path=os.pathsep.join(places)) or shutil.which("pokedex")
    if command is not None:
        os.execv(command, [command, *sys.argv[1:]])
    sys.exit("pokedex: the command is not where this module was installed\nhint: pip install --force-reinstall pokedex")


main()
