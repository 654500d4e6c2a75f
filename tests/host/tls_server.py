# SPDX-License-Identifier: Apache-2.0
"""A TLS server as PostgreSQL in a zone: with PostgreSQL's SSLRequest before, or without.

Usage: tls_server.py CERTIFICATE KEY. Prints its port, then a line for each connection.
"""
import contextlib
import socket
import ssl
import sys

SSL_REQUEST = bytes((0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f))

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        connection = server.accept()[0]
        connection.settimeout(20)
        print("connection", flush=True)
        with contextlib.suppress(OSError), connection:
            if connection.recv(len(SSL_REQUEST), socket.MSG_PEEK) == SSL_REQUEST:
                connection.recv(len(SSL_REQUEST))
                connection.sendall(b"S")
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)
