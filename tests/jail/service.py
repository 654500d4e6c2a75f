#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Services of a host that a jailed QEMU must not reach: a TCP port of the loopback address, which is
printed, and an abstract socket. Ends with its standard input."""
import socket
import sys

tcp = socket.socket()
tcp.bind(("127.0.0.1", 0))
tcp.listen()
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\0cloister-test-service")
abstract.listen()
print(tcp.getsockname()[1], flush=True)
sys.stdin.read()
