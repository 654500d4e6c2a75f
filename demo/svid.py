# SPDX-License-Identifier: Apache-2.0
"""What the demos read of X509-SVIDs and bundles."""
import json
import socket
import ssl
import subprocess


def bundle_pem(jwks):
    """A bundle's X.509 authorities, PEM."""
    found = [key["x5c"][0] for key in json.loads(jwks)["keys"] if key["use"] == "x509-svid"]
    return "".join(f"-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"
                   for der in found)


def connect(port, *arguments, timeout=120, **_):
    return socket.create_connection(("127.0.0.1", port), timeout)


def of(tls):
    """The peer's: SPIFFE ID, end and serial number."""
    found = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-serial", "-dateopt",
                            "iso_8601", "-enddate", "-ext", "subjectAltName"],
                           input=tls.getpeercert(True), stdout=subprocess.PIPE, check=True)
    fields = {}
    for line in found.stdout.decode().splitlines():
        name, _, value = line.partition("=")
        if name == "serial":
            fields["serial"] = value
        elif name == "notAfter":
            fields["not_after"] = value.replace(" ", "T", 1)
        elif "URI:" in line:
            fields["spiffe_id"] = line.split("URI:")[1].split(",")[0].strip()
    return fields
