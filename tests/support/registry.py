"""registry.py PORT NAME:TAG=LAYER.tar[,VARIABLE=VALUE]... - a registry that an Engine pulls these
images from: each of one layer, with these variables for what runs in it.

Says "ready" when it is.
"""
import gzip
import hashlib
import http.server
import json
import platform
import sys

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

answers = {}  # path: type, bytes


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def add_blob(name, kind, data):
    answers[f"/v2/{name}/blobs/{digest(data)}"] = (kind, data)
    return {"mediaType": kind, "size": len(data), "digest": digest(data)}


def add_image(name, tag, path, *env):
    with open(path, "rb") as file:
        layer = file.read()
    config = json.dumps({
        "architecture": MACHINES[platform.machine()], "os": "linux", "config": {"Cmd": ["/bin/sh"], "Env": env},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created": "2026-01-01T00:00:00Z"}],
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": add_blob(name, CONFIG, config),
        "layers": [add_blob(name, LAYER, gzip.compress(layer, 1))],
    }).encode()
    for reference in (tag, digest(manifest)):
        answers[f"/v2/{name}/manifests/{reference}"] = (MANIFEST, manifest)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind, data = answers.get(self.path, (None, b"{}"))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Content-Digest", digest(data))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET

    def log_message(self, *words):
        pass


answers["/v2/"] = ("application/json", b"{}")
for word in sys.argv[2:]:
    image, _, tar = word.partition("=")
    add_image(*image.split(":"), *tar.split(","))
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("ready", flush=True)
server.serve_forever()
