# SPDX-License-Identifier: Apache-2.0
"""The record keys of our own TLS 1.3 connection: RFC 8446, sections 7.1 and 7.3.

A client knows the keys that the server must have in its memory, so it can look for them there.
"""
import hashlib
import hmac

# Cipher suites of RFC 8446, appendix B.4: hash and key length.
SUITES = {
    "TLS_AES_128_GCM_SHA256": ("sha256", 16),
    "TLS_AES_256_GCM_SHA384": ("sha384", 32),
    "TLS_CHACHA20_POLY1305_SHA256": ("sha256", 32),
}


def expand_label(secret, label, length, algorithm):
    """HKDF-Expand-Label with an empty context; one block of output is enough here."""
    label = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    block = hmac.new(secret, info + b"\1", algorithm).digest()
    assert length <= hashlib.new(algorithm).digest_size
    return block[:length]


def traffic_keys(keylog, suite):
    """{name: key} from a key log (draft-ietf-tls-keylogfile) that holds one connection."""
    algorithm, length = SUITES[suite]
    keys = {}
    for line in keylog.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[0] in ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"):
            name = fields[0].split("_")[0].lower()
            keys[name] = expand_label(bytes.fromhex(fields[2]), "key", length, algorithm)
    if len(keys) != 2:
        raise ValueError("the key log does not hold one TLS 1.3 connection")
    return keys
