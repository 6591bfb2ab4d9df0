"""Stills of a long film beside ffmpeg that only decodes it: seconds, films' seconds a second, most memory.

    python3 benches/peers/frames.py [--pokedex target/release/pokedex] [--minutes 10] [--size 1920x1080] [--film FILE]
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import threading
import time


def resident(pid):
    """Kilobytes that a process and its children hold now."""
    total = 0
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines() if ":" in line)
            if entry.name == str(pid) or status["PPid"].strip() == str(pid):
                total += int(status.get("VmRSS", "0 kB").split()[0])
        except (OSError, KeyError, ValueError):
            pass
    return total


def measure(command, output):
    """Seconds, and the most kilobytes of the program alone and with its children."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE)
    said = []
    reader = threading.Thread(target=lambda: said.append(process.stderr.read()))
    reader.start()
    most = 0
    while process.poll() is None:
        most = max(most, resident(process.pid))
        time.sleep(0.05)
    seconds = time.monotonic() - start
    reader.join()
    assert process.returncode == 0, said
    return seconds, most


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--film")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = arguments.film or os.path.join(folder, "long.mp4")
        if not arguments.film:
            source = f"testsrc=size={arguments.size}:rate=25:duration={arguments.minutes * 60}"
            encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
            subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *encode, film], check=True)
        probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", film]
        length = float(subprocess.run(probe, check=True, capture_output=True, text=True).stdout)
        table = os.path.join(folder, "stills.parquet")
        own = [arguments.pokedex, "frames", film, "--every", "1s", "-o", table]
        runs = [
            ("ffmpeg -f null (decoding alone)", ["ffmpeg", "-nostdin", "-v", "error", "-i", film, "-f", "null", "-"]),
            ("pokedex frames --every 1s", own),
            ("... --size 224", [*own, "--size", "224"]),
            ("... --encode png", [*own, "--encode", "png"]),
        ]
        print(f"{length:.0f} s of film\n")
        print("| run | s | film seconds a second | most memory, children too (MB) |")
        print("| --- | --- | --- | --- |")
        for name, command in runs:
            seconds, most = measure(command, subprocess.DEVNULL)
            print(f"| {name} | {seconds:.1f} | {length / seconds:.1f} | {most / 1024:.0f} |", flush=True)


if __name__ == "__main__":
    main()
