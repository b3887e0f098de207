#!/usr/bin/env bash
# fhirpy: refresh() sends the bare version as If-None-Match, which is no entity tag.
#
# An entity tag is a quoted text (RFC 9110, 8.8.3), and FHIR's is W/"2" (R4, http.html#concurrency). A
# server that reads the header strictly finds no tag in it and sends the whole resource each time, so
# the 304 that refresh() is written for never comes.
# Frist passes over what is no tag, and answers 200 with the resource (src/http/negotiation.rs).
# Known since 2026-12-01.
set -euo pipefail
version=2.3.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "fhirpy==$version"

"$folder/venv/bin/python" - "$version" <<'PYTHON'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from fhirpy import SyncFHIRClient

GOAL = {"resourceType": "Goal", "id": "g", "meta": {"versionId": "2"}}
asked = []


class Strict(BaseHTTPRequestHandler):
    """Answers one resource, and 304 to its entity tag."""

    def do_GET(self):
        tag = self.headers.get("If-None-Match")
        asked.append(tag)
        self.send_response(304 if tag == 'W/"2"' else 200)
        self.send_header("ETag", 'W/"2"')
        self.send_header("Content-Type", "application/fhir+json")
        self.end_headers()
        if tag != 'W/"2"':
            self.wfile.write(json.dumps(GOAL).encode())

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Strict)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = SyncFHIRClient(f"http://127.0.0.1:{server.server_port}")
goal = client.reference("Goal", "g").to_resource()
goal.refresh()
server.shutdown()

print(f"fhirpy {sys.argv[1]}")
print('RFC 9110, 8.8.3: entity-tag = [ weak ] opaque-tag; opaque-tag = DQUOTE *etagc DQUOTE')
print(f"If-None-Match of the read:    {asked[0]}")
print(f"If-None-Match of refresh():   {asked[1]}")
sys.exit(0 if asked == [None, "2"] else 1)
PYTHON
