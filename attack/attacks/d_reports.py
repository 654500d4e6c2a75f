# SPDX-License-Identifier: Apache-2.0
"""A host that answers for the zone when a verifier asks for a report."""
import http.server
import json
import os
import re
import subprocess
import threading
import urllib.request

from suite import BUILD, Attack, Outcome

NO_CONTROL = "an ordinary guest has no report to be forged"


class Impostor(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/cose")
        self.send_header("Content-Length", str(len(self.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


def verify(port, key):
    done = subprocess.run([BUILD / "bin/cloister", "verify", "--json", "--report-port", str(port),
                           "--image", BUILD / "images/redis", "--core-key", key, "--timeout", "60",
                           "127.0.0.1"], stdout=subprocess.PIPE, text=True)
    verdict = json.loads(done.stdout)["verdict"] if done.stdout.strip() else None
    return verdict


def believed(suite, bodies):
    """How many of these answers the verifier takes for a report of the zone."""
    key = re.search(r"report key[^\n]*?\b([0-9a-f]{128})\b", suite.node.core_log().text())[1]
    # The honest one first, or nothing is shown.
    if verify(suite.ports["zone-report"], key) not in ("affirming", "warning"):
        raise RuntimeError("the zone's own report is not believed")
    server = http.server.HTTPServer(("127.0.0.1", 0), Impostor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    taken = 0
    try:
        for Impostor.body in bodies:
            taken += verify(server.server_port, key) in ("affirming", "warning")
    finally:
        server.shutdown()
        server.server_close()
    return Outcome(len(bodies), taken)


def report_of(suite):
    suite.guest("zone")
    url = f"http://127.0.0.1:{suite.ports['zone-report']}/report?nonce={os.urandom(32).hex()}"
    with urllib.request.urlopen(url, timeout=120) as answer:
        return answer.read()


def replayed(suite):
    return believed(suite, [report_of(suite) for _ in range(3)])


def forged(suite):
    good = report_of(suite)
    bodies = []
    for at in range(0, len(good), 7):
        changed = bytearray(good)
        changed[at] ^= 1 << at % 8
        bodies.append(bytes(changed))
    bodies += [good[:-1], good + b"\0", good[:-64] + b"\0" * 64, os.urandom(len(good))]
    return believed(suite, bodies)


Attack("replayed_report", "host, network", "Genuine reports with another nonce than the verifier's "
       "are given to it. Gained: those that it believes.", replayed, no_control=NO_CONTROL)
Attack("forged_report", "host, network", "A genuine report with one bit changed, all along it; "
       "shortened, lengthened, without signature; random bytes. Gained: those that the verifier "
       "believes.", forged, no_control=NO_CONTROL)
