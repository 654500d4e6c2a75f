#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""First inputs of the targets `evidence` and `policy`, of what the forge makes.

evidence_seeds.py SEED-PROGRAM DIRECTORY writes DIRECTORY/evidence/seed-… and DIRECTORY/policy/seed-….
"""
import json
import os
import subprocess
import sys
import tempfile

RAW, CHANGED, LOG, ATTEST = range(4)


def head(data, at):
    """One CBOR head: argument, and where what follows begins."""
    info = data[at] & 31
    if info < 24:
        return info, at + 1
    size = 1 << (info - 24)
    return int.from_bytes(data[at + 1:at + 1 + size], 'big'), at + 1 + size


def after(data, text):
    """The byte string after this text."""
    size, at = head(data, data.index(text) + len(text))
    return data[at:at + size]


def main():
    program, out = sys.argv[1:]
    seeds = {'evidence': [], 'policy': []}
    with tempfile.TemporaryDirectory() as d:
        subprocess.run([program, d], check=True)
        files = {n: open(os.path.join(d, n), 'rb').read() for n in os.listdir(d)}
    for name in ('good.cbor', 'node.cbor', 'bios.cbor'):
        seeds['evidence'].append(bytes([RAW]) + files[name])
    good = files['good.cbor']
    seeds['evidence'].append(bytes([CHANGED]))
    seeds['evidence'].append(bytes([CHANGED]) + bytes([len(good) - 3 & 255, len(good) - 3 >> 8, 1, 0]))
    seeds['evidence'].append(bytes([LOG]) + after(good, b'application/vnd.cloister.tcg-log'))
    quote = after(good, b'application/vnd.cloister.tpm-quote+cbor')
    size, at = head(quote, 1)
    seeds['evidence'].append(bytes([ATTEST]) + quote[at:at + size])
    text = {n: files[n].decode() for n in ('ca.pem', 'crl.pem', 'reference.json', 'digest')}
    reference = json.loads(text['reference.json'])
    whole = {
        'version': 1, 'digests': [text['digest']],
        'nodes': {'ca': [text['ca.pem']], 'crl': [text['crl.pem']], 'accept_test_tpm': False},
        'boot': {'firmware': ['00' * 32], 'option_roms': ['11' * 32],
                 'images': [reference['boot_image']], 'commands': reference['commands']},
        'core': {'version_min': '0.5.0', 'builds': [reference['core_build']]},
        'zone': {'vcpus_min': 1, 'vcpus_max': 4, 'memory_bytes_min': 4096,
                 'memory_bytes_max': 1 << 40, 'window_pages_max': 1024, 'idle_ms_max': 1000},
        'require_iommu': True, 'require_remapping': False}
    seeds['policy'].append(json.dumps(whole).encode())
    for member in whole:
        seeds['policy'].append(json.dumps({'version': 1, member: whole[member]}).encode())
    for name, inputs in seeds.items():
        os.makedirs(os.path.join(out, name), exist_ok=True)
        for i, data in enumerate(inputs):
            with open(os.path.join(out, name, f'seed-{i}'), 'wb') as f:
                f.write(data)


main()
