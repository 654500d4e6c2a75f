# SPDX-License-Identifier: Apache-2.0
"""The Core's frame table, read out of the machine's RAM.

One 8-byte word for each frame of RAM, at a physical address that the Core logs at boot
(docs/memory-layout.md, core/svm/frame.h):

    bits  2:0   state: 0 device, 1 host, 2 Core, 3 OPEN, 4 SEALED,
                       5 TABLE (the host's)
    bits 15:8   zone slot                      (OPEN, SEALED)
    bits 63:32  guest-physical frame number    (OPEN, SEALED)

Nobody but who holds the machine can read it: the host finds a decoy in its place.
"""
import re
from array import array

CORE, OPEN, SEALED = 2, 3, 4
NAMES = {CORE: "core", OPEN: "open", SEALED: "sealed"}
WORD = 8


def location(core_log):
    """(address, bytes) of the table, from the Core's log."""
    found = re.search(r"frame table at 0x([0-9a-f]+), (\d+) entries", core_log)
    if not found:
        raise ValueError("the Core's log does not say where its frame table is")
    return int(found[1], 16), int(found[2]) * WORD


def ranges(numbers):
    """Ascending numbers as (first, last) pairs."""
    result = []
    for n in numbers:
        if result and result[-1][1] == n - 1:
            result[-1][1] = n
        else:
            result.append([n, n])
    return [tuple(r) for r in result]


class FrameTable:
    def __init__(self, data):
        words = array("Q")
        words.frombytes(data)
        self.frames = {state: [] for state in NAMES}
        self.owner = {}  # frame: (slot, guest frame)
        for frame, word in enumerate(words):
            state = word & 7
            if state in NAMES:
                self.frames[state].append(frame)
                if state != CORE:
                    self.owner[frame] = (word >> 8 & 0xff, word >> 32)

    def slots(self):
        return {slot for slot, _ in self.owner.values()}

    def private(self, state=None):
        """Guest frames that are a zone's private pages (in one state)."""
        frames = self.owner if state is None else self.frames[state]
        return sorted(self.owner[f][1] for f in frames)

    def write_classes(self, path, guest_ram=()):
        """For cl-search --classify. What is guest RAM, but neither OPEN nor SEALED, is "shared":
        shared with the host, or surrendered to it as ciphertext."""
        with open(path, "w") as f:
            classes = [(name, self.frames[state]) for state, name in NAMES.items()]
            classes.append(("shared", sorted(set(guest_ram) - set(self.owner))))
            for name, frames in classes:
                for first, last in ranges(frames):
                    f.write(f"{name} {first:#x}-{last:#x}\n")


def write_private(path, guest_frames):
    """For cl-hostread --classify: what is not the zone's own is "other"."""
    with open(path, "w") as f:
        f.write("# the zone's private pages\n")
        for first, last in ranges(guest_frames):
            f.write(f"private {first:#x}-{last:#x}\n")
