# SPDX-License-Identifier: Apache-2.0
"""The Core's keys, as only somebody can have them who reads the CPU's own registers.

QEMU's monitor shows debug registers DR0 to DR3, which hold the Core's master key. From it follow
the key of each zone and the report key (core/cpu/master_key.h, core/cipher/page_cipher.h), and from
these everything that may stand in memory while they are in use. A dump is searched for that.
"""
import re
import struct
import subprocess

PAGES, REPORT = 1, 2  # core/cpu/master_key.h
POWERS = 9            # of H, that a path with 128-bit registers uses (core/cipher/gcm_vector.h)
MASK = (1 << 128) - 1
SUMS = "sums"


def cpus(node):
    """Registers of each CPU, by name, as numbers."""
    text = node.monitor("info registers -a")
    return [{name: int(value, 16) for name, value in re.findall(r"\b(\w+) ?=([0-9a-f]{8,16})\b", part)}
            for part in re.split(r"^CPU#\d+", text, flags=re.M)[1:]]


def master(node):
    """The master key; every CPU has the same."""
    found = {struct.pack("<4Q", *(cpu[f"DR{i}"] for i in range(4))) for cpu in cpus(node)}
    if len(found) != 1 or found == {bytes(32)}:
        raise ValueError("the CPUs' debug registers do not hold one master key")
    return found.pop()


def core_memory(core_log):
    """(address, bytes) of Core memory, from the Core's log."""
    found = re.search(r"memory 0x([0-9a-f]+)\+0x([0-9a-f]+)", core_log)
    if not found:
        raise ValueError("the Core's log does not say where its memory is")
    return int(found[1], 16), int(found[2], 16)


def in_core(node, base, size):
    """Is a CPU running the Core's code? That is 64-bit; elsewhere the monitor has no RIP."""
    return any(base <= cpu.get("RIP", 0) < base + size for cpu in cpus(node))


def aes(key, data, decrypt=False):
    return subprocess.run(["openssl", "enc", "-d" if decrypt else "-e", "-aes-256-ecb", "-nopad",
                           "-K", key.hex()], input=data, stdout=subprocess.PIPE, check=True).stdout


def derive(master_key, purpose, number):
    """RFC 8452, section 4, with the nonce purpose, number."""
    blocks = b"".join(struct.pack("<IIQ", i, purpose, number) for i in range(2, 6))
    out = aes(master_key, blocks)
    return b"".join(out[i:i + 8] for i in range(0, 64, 16))


def schedule(key):
    """FIPS 197, section 5.2, for 256 bits."""
    box = _sbox()
    words = [key[i:i + 4] for i in range(0, 32, 4)]
    rcon = 1
    for i in range(8, 60):
        t = words[-1]
        if i % 8 == 0:
            t = bytes(box[b] for b in t[1:] + t[:1])
            t = bytes([t[0] ^ rcon]) + t[1:]
            rcon <<= 1
        elif i % 8 == 4:
            t = bytes(box[b] for b in t)
        words.append(bytes(a ^ b for a, b in zip(words[i - 8], t)))
    return b"".join(words)


def _sbox():
    box, p, q = [0x63] * 256, 1, 1
    while True:
        p ^= (p << 1 & 0xff) ^ (0x1b if p & 0x80 else 0)
        for shift in (1, 2, 4):
            q ^= q << shift & 0xff
        q ^= 0x09 if q & 0x80 else 0
        r = 0x63
        for shift in range(5):
            r ^= (q << shift | q >> 8 - shift) & 0xff
        box[p] = r
        if p == 1:
            return box


def ghash_powers(h):
    """(H^n divided by x, its two halves added) as core/cipher keeps them, n from 1."""
    def times(a, b):
        r = 0
        for i in range(128):
            if a >> 127 - i & 1:
                r ^= b
            b = b >> 1 ^ (0xe1 << 120 if b & 1 else 0)
        return r
    v = int.from_bytes(h, "big")
    power = (v << 1 & MASK) ^ ((0xc2 << 120 | 1) if v >> 127 else 0)
    for _ in range(POWERS):
        swapped = (power >> 64) | (power & (1 << 64) - 1) << 64
        yield power.to_bytes(16, "little"), (power ^ swapped).to_bytes(16, "little")
        power = times(power, v)


def pieces(name, data):
    """cl-search takes up to 64 bytes as one key, and finds any 16 of them."""
    return {f"{name}-{i // 64}": data[i:i + 64] for i in range(0, len(data), 64)}


def zone_secrets(key):
    """All that the page cipher makes of a zone's key."""
    h = aes(key, bytes(16))
    powers = list(ghash_powers(h))
    return {**pieces("schedule", schedule(key)), "h": h + h[::-1],
            **pieces("powers", b"".join(p for p, _ in powers)),
            **pieces(SUMS, b"".join(f for _, f in powers))}


def searchable(secrets):
    """Those that cl-search takes: in a sum of two halves one half is as the other, which it holds
    for no key. The sums stand between the powers and the end of the same record."""
    return {name: secret for name, secret in secrets.items() if not name.startswith(SUMS)}


def report_secrets(secret):
    """The report key's scalar: as it is, reversed, and as BearSSL computes with it."""
    d, words = int.from_bytes(secret, "big"), []
    for _ in range(9):
        words.append(d & 0x7fffffff)
        d >>= 31
    return {"scalar": secret, "scalar-reversed": secret[::-1],
            "scalar-words": struct.pack("<9I", *words)}


def public_half(secret):
    """x ‖ y, by OpenSSL (the key as in RFC 5915)."""
    der = bytes.fromhex("30310201010420") + secret + bytes.fromhex("a00a06082a8648ce3d030107")
    done = subprocess.run(["openssl", "ec", "-inform", "DER", "-pubout", "-outform", "DER"],
                          input=der, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    return done.stdout[-64:]
