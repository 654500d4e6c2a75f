# SPDX-License-Identifier: Apache-2.0
"""Takes evidence apart and puts it together again (docs/evidence.cddl): what a forger does.

Knows as much of CBOR (RFC 8949) as a bundle has: text and byte strings, arrays, maps, lengths.
"""
TEXT, BYTES, ARRAY, MAP = 3, 2, 4, 5


def _head(data, at):
    major, more = data[at] >> 5, data[at] & 31
    if more < 24:
        return major, more, at + 1
    size = 1 << (more - 24)
    return major, int.from_bytes(data[at + 1:at + 1 + size], "big"), at + 1 + size


def _encode_head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for more, size in ((24, 1), (25, 2), (26, 4)):
        if n < 1 << 8 * size:
            return bytes([major << 5 | more]) + n.to_bytes(size, "big")
    raise ValueError("too long")


def _decode(data, at):
    major, n, at = _head(data, at)
    if major in (TEXT, BYTES):
        item = data[at:at + n]
        return (item.decode() if major == TEXT else item), at + n
    items = []
    for _ in range(n if major == ARRAY else 2 * n):
        item, at = _decode(data, at)
        items.append(item)
    return (items if major == ARRAY else dict(zip(items[::2], items[1::2]))), at


def _encode(item):
    if isinstance(item, str):
        return _encode_head(TEXT, len(item.encode())) + item.encode()
    if isinstance(item, bytes):
        return _encode_head(BYTES, len(item)) + item
    if isinstance(item, list):
        return _encode_head(ARRAY, len(item)) + b"".join(map(_encode, item))
    pairs = sorted((_encode(key), _encode(value)) for key, value in item.items())
    return _encode_head(MAP, len(pairs)) + b"".join(key + value for key, value in pairs)


def take_apart(bundle):
    """{label: record}; records are [media type, bytes]."""
    item, end = _decode(bundle, 0)
    if end != len(bundle) or _encode(item) != bundle:
        raise ValueError("this is no bundle as docs/evidence.cddl has it")
    return item


def splice(bundle, other, *labels):
    """`bundle`, with these records from `other`."""
    parts, others = take_apart(bundle), take_apart(other)
    return _encode({**parts, **{label: others[label] for label in labels}})


def with_certificate(bundle, der):
    parts = take_apart(bundle)
    return _encode({**parts, "ak": [parts["ak"][0], der]})
