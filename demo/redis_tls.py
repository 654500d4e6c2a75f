# SPDX-License-Identifier: Apache-2.0
"""A Redis client over TLS 1.3, for one connection that it knows everything about."""
import hashlib
import os
import socket
import ssl
from pathlib import Path

import tlskeys


def der(data, at):
    """One DER element: (tag, start of contents, end)."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        n = length & 0x7f
        length, at = int.from_bytes(data[at:at + n], "big"), at + n
    return tag, at, at + length


def spki_hash(certificate):
    """SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 5280, section 4.1)."""
    _, at, _ = der(certificate, 0)
    _, at, _ = der(certificate, at)
    if certificate[at] == 0xa0:  # version
        at = der(certificate, at)[2]
    for _ in range(5):  # serialNumber, signature, issuer, validity, subject
        at = der(certificate, at)[2]
    return hashlib.sha256(certificate[at:der(certificate, at)[2]]).hexdigest()


# Short, as it is tried again: a connection that a forwarder took before the zone listened hangs.
HANDSHAKE_SECONDS = 20


class RedisError(Exception):
    pass


class Redis:
    """The certificate is not checked against a CA: the caller compares spki with the report."""

    def __init__(self, port, directory, timeout=180):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        keylog = Path(directory) / f"keylog-{port}"
        os.close(os.open(keylog, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        context.keylog_filename = str(keylog)
        plain = socket.create_connection(("127.0.0.1", port), timeout=HANDSHAKE_SECONDS)
        try:
            self.socket = context.wrap_socket(plain)
            self.socket.settimeout(timeout)
            self.file = self.socket.makefile("rb")
        except BaseException:
            plain.close()
            raise
        self.suite = self.socket.cipher()[0]
        self.spki = spki_hash(self.socket.getpeercert(binary_form=True))
        self.keys = tlskeys.traffic_keys(keylog.read_text(), self.suite)
        keylog.unlink()

    def close(self):
        self.file.close()
        self.socket.close()

    def command(self, *words):
        """One command in RESP, and its answer."""
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) +
                            b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise RedisError("the connection was closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        if kind != b"$":
            return rest
        if rest == b"-1":
            return None
        data = self.file.read(int(rest) + 2)
        if len(data) != int(rest) + 2:
            raise RedisError("the connection was closed")
        return data[:-2]
