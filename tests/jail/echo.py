#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A service of a host that a jailed QEMU is let to: echoes in capitals on a TCP port of the loopback
address, which is printed. Ends with its standard input."""
import contextlib
import socketserver
import sys
import threading


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            while data := self.request.recv(4096):
                self.request.sendall(data.upper())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


with Server(("127.0.0.1", 0), Echo) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
