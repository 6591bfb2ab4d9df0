"""The official client of the Model Context Protocol asks `pokedex mcp`, in the version of 2026-07-28 and in those of before.

    python3 tests/mcp_client.py target/release/pokedex

Needs PyPI mcp 2.3. What the client reads is held against its own schemas: a structure that does not fit is an error there.
"""

import asyncio
import base64
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from PIL import Image


async def ask(binary, folder, mode, checks):
    server = StdioServerParameters(command=binary, args=["mcp", "--images", "art", "--root", "data"], cwd=str(folder))
    async with Client(stdio_client(server), mode=mode) as client:
        name = f"{mode} ({client.protocol_version})"
        checks.append((client.server_info.name == "pokedex", f"{name}: it says who it is"))
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        checks.append((set(tools) == {"search", "similar", "describe", "classify", "check", "about"}, f"{name}: its tools"))
        checks.append((all(tool.annotations.read_only_hint for tool in tools.values()), f"{name}: all only read"))
        found = await client.call_tool("search", {"q": "fire dog", "top": 5})
        told = json.loads(subprocess.run([binary, "query", "fire dog", "--top", "5", "--format", "json"], capture_output=True, check=True).stdout)
        keys = [hit["key"] for hit in found.structured_content["hits"]]
        checks.append((keys == [row["key"] for row in told], f"{name}: search finds what query finds"))
        more = await client.call_tool("search", {"q": "fire dog", "top": 5, "cursor": found.structured_content["next"]})
        checks.append((more.structured_content["hits"][0]["rank"] == 6, f"{name}: it goes on by the cursor"))
        row = await client.call_tool("describe", {"key": "pikachu", "picture": True})
        picture = next((part for part in row.content if part.type == "image"), None)
        size = Image.open(io.BytesIO(base64.b64decode(picture.data))).size if picture else None
        checks.append((size == (64, 48) and row.structured_content["id"] == 25, f"{name}: a row with its picture"))
        near = await client.call_tool("similar", {"key": "pikachu", "top": 3})
        checks.append((len(near.structured_content["hits"]) == 3, f"{name}: what is similar"))
        classes = await client.call_tool("classify", {"path": "set/a.png"})
        checks.append((len(classes.structured_content["predictions"]) == 5, f"{name}: classes of a picture below a root"))
        checked = await client.call_tool("check", {"path": "set"})
        checks.append((checked.structured_content["rows"] == 2 and checked.structured_content["rules"].get("duplicate") == 1, f"{name}: a folder is checked"))
        nothing = await client.call_tool("search", {"q": "fire", "where": "hp > 100000"})
        checks.append((nothing.structured_content["hits"] == [] and nothing.content[0].text != "", f"{name}: nothing is said to be nothing"))
        for tool, arguments in [("search", {"q": "x", "wher": "y"}), ("classify", {"path": "../outside.png"}), ("describe", {"row": 9999})]:
            wrong = await client.call_tool(tool, arguments)
            checks.append((wrong.is_error and str(folder) not in wrong.content[0].text, f"{name}: {tool} {arguments} is refused"))
        about = await client.call_tool("about", {})
        checks.append((about.structured_content["rows"] == 1025, f"{name}: about"))


def main():
    binary = str(Path(sys.argv[1]).resolve())
    checks = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in ["art", "data/set"]:
            (folder / name).mkdir(parents=True)
        Image.new("RGB", (64, 48), (240, 200, 30)).save(folder / "art/0025.png")
        for name in ["data/set/a.png", "data/set/b.png", "outside.png"]:
            Image.new("RGB", (64, 64), (20, 120, 200)).save(folder / name)
        for mode in ["auto", "legacy"]:
            asyncio.run(ask(binary, folder, mode, checks))
    for right, name in checks:
        print(f"{'ok' if right else 'WRONG'}  {name}")
    sys.exit(0 if checks and all(right for right, _ in checks) else 1)


if __name__ == "__main__":
    main()
