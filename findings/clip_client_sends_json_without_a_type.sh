#!/usr/bin/env bash
# clip-retrieval 2.45.0 (PyPI), requests 2.32.5: the client of its search server sends JSON and does not say so.
#
# One would guess that `ClipClient.query` posts with `Content-Type: application/json`, as a client of a JSON API does, or that
# requests adds a type to a body of text. What happens: the client serialises by itself and hands requests a `str`, for which
# requests sets no Content-Type at all. The server of the same package reads JSON whatever the type says
# (`get_json(force=True)`), so nobody notices; another server that answers in its place, and refuses bodies of no type with 415
# as most frameworks do, cannot be asked by this client.
#
# Seen: a POST with Accept, Accept-Encoding, Connection, Content-Length, Host and User-Agent, without Content-Type.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet requests==2.32.5
"$folder/venv/bin/pip" install --quiet --no-deps clip-retrieval==2.45.0
cat > "$folder/ask.py" <<'PYTHON'
import http.server
import importlib.util
import json
import pathlib
import sys
import sysconfig
import threading

seen = {}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen.update({"type": self.headers.get("Content-Type"), "headers": sorted(self.headers.keys()), "body": json.loads(body)})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
# The module alone: the package around it loads a whole server.
file = pathlib.Path(sysconfig.get_paths()["purelib"]) / "clip_retrieval/clip_client.py"
spec = importlib.util.spec_from_file_location("clip_client", file)
module = importlib.util.module_from_spec(spec)
sys.modules["clip_client"] = module
spec.loader.exec_module(module)
client = module.ClipClient(url=f"http://127.0.0.1:{server.server_port}/knn-service", indice_name="any")
client.query(text="a red bird")
print("headers:", ", ".join(seen["headers"]))
print("Content-Type:", seen["type"])
assert seen["body"]["text"] == "a red bird"
assert seen["type"] is None, "the client says now what it sends"
PYTHON
"$folder/venv/bin/python" "$folder/ask.py"
