# SPDX-License-Identifier: Apache-2.0
"""A firmware's event log (TCG PC Client Platform Firmware Profile, 10.2), and what PCRs become by it.

Written from the specification and apart from the verifier's own parser, so that a test compares two.
"""
import hashlib
import struct
from collections import namedtuple

SHA256 = 0x000b
EV_NO_ACTION, EV_SEPARATOR, EV_ACTION, EV_IPL = 3, 4, 5, 13
EV_EFI_BOOT_SERVICES_APPLICATION, EV_EFI_ACTION = 0x80000003, 0x80000007

Event = namedtuple("Event", "pcr kind digest data")


def parse(log):
    """Its events but the header; digest is the SHA-256 one. ValueError if there is a rest."""
    pcr, kind, size = struct.unpack_from("<II20xI", log)
    header = log[32:32 + size]
    if pcr or kind != EV_NO_ACTION or header[:16] != b"Spec ID Event03\0":
        raise ValueError("no crypto-agile log")
    banks = dict(struct.unpack_from("<HH", header, 28 + 4 * i)
                 for i in range(struct.unpack_from("<I", header, 24)[0]))
    events, at = [], 32 + size
    while at < len(log):
        pcr, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        digests = {}
        for _ in range(count):
            bank, = struct.unpack_from("<H", log, at)
            digests[bank] = log[at + 2:at + 2 + banks[bank]]
            at += 2 + banks[bank]
        size, = struct.unpack_from("<I", log, at)
        if at + 4 + size > len(log):
            raise ValueError("the last event is cut short")
        events.append(Event(pcr, kind, digests[SHA256], log[at + 4:at + 4 + size]))
        at += 4 + size
    return events


def extended(*digests):
    """A PCR that began at zero."""
    value = bytes(32)
    for digest in digests:
        value = hashlib.sha256(value + digest).digest()
    return value


def replay(events, pcr):
    return extended(*(e.digest for e in events if e.pcr == pcr and e.kind != EV_NO_ACTION))
