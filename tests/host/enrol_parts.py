#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tests/host/enrol.sh needs beside TPMs: a node that lies, a zone that answers, and a look into
an evidence bundle with nothing of Cloister's.

  enrol_parts.py node HOW PORT [OTHERPORT]  between the registrar and the service on PORT; prints its own
  enrol_parts.py zone N                     a report service that is not there for N connections, then
                                             reports text; prints its port
  enrol_parts.py bundle FILE NONCE LOG      check a bundle; "-" for no nonce that is known
"""
import hashlib
import http.server
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

REPORT = b"report of a zone"
AK_HEAD = bytes.fromhex("0023000b00050472")


def ask(port, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body)
    if body:
        request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Content-Type"], e.read()


def ak_of(message):
    at = message.index(AK_HEAD)
    return message[at:at + 88]


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Who was lied to hangs up."""


class Liar(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    how, upstream, other, old_secret = "", 0, 0, None

    def log_message(self, *_):
        pass

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        how = Liar.how
        path = self.path.replace("ek=ecc", "ek=rsa") if how == "rsa-only" else self.path
        status, kind, body = ask(Liar.upstream, path)
        if how == "unrestricted":  # the attribute's bit 16
            body = body.replace(AK_HEAD, AK_HEAD[:5] + b"\x04" + AK_HEAD[6:])
        elif how == "duplicable":  # fixedTPM's and fixedParent's
            body = body.replace(AK_HEAD, AK_HEAD[:7] + b"\x60")
        elif how == "other-ak":
            body = body.replace(ak_of(body), ak_of(ask(Liar.other, self.path)[2]))
        elif how == "other-ek":  # the certificate of one, the public area of another
            theirs = ask(Liar.other, self.path)[2]
            cut, cut2 = body.index(b"ek-certificate"), theirs.index(b"ek-certificate")
            body = body[:cut] + theirs[cut2:]
        elif how == "garbage":
            body = b"\xff" * 100
        elif how == "short":
            body = body[:-1]
        elif how == "long":
            body = body + b"\0"
        elif how == "huge":
            body = b"\0" * (1 << 20)
        elif how == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            try:
                while True:
                    self.wfile.write(b"y" * 65536)
            except OSError:
                self.close_connection = True
                return
        elif how == "slow":
            try:
                for byte in b"HTTP/1.1 200 OK\r\n" * 100:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.2)
            except OSError:
                self.close_connection = True
                return
        self.reply(status, kind, body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/ak" and Liar.how == "no-certificate":
            self.reply(500, "text/plain", b"no\x1b[31m room\n")
            return
        status, kind, answer = ask(Liar.upstream, self.path, body)
        if self.path == "/activate":
            if Liar.how == "wrong-secret":
                answer = answer[:-1] + bytes([answer[-1] ^ 1])
            elif Liar.how == "replay":
                Liar.old_secret = Liar.old_secret or answer
                answer = Liar.old_secret
            elif Liar.how == "no-secret":
                answer = b"\x40"
        self.reply(status, kind, answer)


class Zone(Liar):
    deaf = 0  # so many connections end before it listens, as a forwarder ends them

    def do_GET(self):
        if Zone.deaf:
            Zone.deaf -= 1
            self.close_connection = True
            return
        self.reply(200, "application/cose", REPORT + self.path.encode())


def serve(handler):
    server = Server(("127.0.0.1", 0), handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


class Cbor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        assert self.at <= len(self.data)
        return self.data[self.at - n:self.at]

    def item(self):
        head = self.take(1)[0]
        major, n = head >> 5, head & 31
        if n >= 24:
            n = int.from_bytes(self.take(1 << (n - 24)), "big")
        if major == 0:
            return n
        if major in (2, 3):
            return self.take(n) if major == 2 else self.take(n).decode()
        if major == 4:
            return [self.item() for _ in range(n)]
        assert major == 5
        return {self.item(): self.item() for _ in range(n)}


def unwrap(data):
    c = Cbor(data)
    value = c.item()
    assert c.at == len(data)
    return value


def der_int(n):
    b = n.to_bytes(33, "big").lstrip(b"\0") or b"\0"
    b = b"\0" + b if b[0] & 0x80 else b
    return b"\x02" + bytes([len(b)]) + b


def check_signature(cert, attest, signature):
    """TPMT_SIGNATURE: ECDSA, SHA-256, then r and s; verified by the openssl program."""
    assert signature[:4] == b"\0\x18\0\x0b", signature[:4].hex()
    size = int.from_bytes(signature[4:6], "big")
    r, rest = signature[6:6 + size], signature[6 + size:]
    s = rest[2:]
    assert len(s) == int.from_bytes(rest[:2], "big")
    body = der_int(int.from_bytes(r, "big")) + der_int(int.from_bytes(s, "big"))
    with tempfile.TemporaryDirectory() as d:
        for name, data in (("cert", cert), ("attest", attest),
                           ("sig", b"\x30" + bytes([len(body)]) + body)):
            with open(f"{d}/{name}", "wb") as f:
                f.write(data)
        subprocess.run(f"openssl x509 -inform der -in {d}/cert -noout -pubkey >{d}/key && openssl "
                       f"dgst -sha256 -verify {d}/key -signature {d}/sig {d}/attest", shell=True,
                       check=True, stdout=subprocess.DEVNULL)


def bundle(path, nonce, log):
    with open(path, "rb") as f:
        parts = unwrap(f.read())
    assert parts["__cmwc_t"] == "tag:cloister.example,2026:evidence:1"
    with open(log, "rb") as f:
        assert parts["boot-log"] == ["application/vnd.cloister.tcg-log", f.read()]
    assert parts["ak"][0] == "application/pkix-cert"
    if "report" in parts:
        assert parts["report"][0] == "application/eat+cwt"
        assert parts["report"][1].startswith(REPORT + b"/report?nonce=")
    assert parts["quote"][0] == "application/vnd.cloister.tpm-quote+cbor"
    attest, signature, pcrs = unwrap(parts["quote"][1])
    check_signature(parts["ak"][1], attest, signature)
    c = Cbor(attest)
    assert c.take(6) == b"\xffTCG\x80\x18"
    c.take(int.from_bytes(c.take(2), "big"))  # qualified signer
    extra = c.take(int.from_bytes(c.take(2), "big"))
    assert nonce in ("-", extra.hex()), extra.hex()
    if "report" in parts:
        assert parts["report"][1].endswith(extra.hex().encode())
    c.take(17 + 8)  # clock, firmware version
    assert c.take(10) == b"\0\0\0\1\0\x0b\3\x95\x23\0", "selection"
    assert list(pcrs) == [0, 2, 4, 7, 8, 9, 13]
    assert c.take(34) == b"\0\x20" + hashlib.sha256(b"".join(pcrs.values())).digest(), "PCRs"
    assert c.at == len(attest)
    print("report" if "report" in parts else "node")


def main():
    if sys.argv[1] == "bundle":
        bundle(*sys.argv[2:5])
    elif sys.argv[1] == "zone":
        Zone.deaf = int(sys.argv[2])
        serve(Zone)
    else:
        Liar.how, Liar.upstream = sys.argv[2], int(sys.argv[3])
        Liar.other = int(sys.argv[4]) if len(sys.argv) > 4 else 0
        serve(Liar)


if __name__ == "__main__":
    socket.setdefaulttimeout(60)
    main()
