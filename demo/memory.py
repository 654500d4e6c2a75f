# SPDX-License-Identifier: Apache-2.0
"""What somebody gets who holds the machine: copies of its RAM, and what cl-search finds there."""
import json
import os
import shutil
import subprocess
from array import array
from pathlib import Path

import corekeys
from frames import CORE, FrameTable, location


class Memory:
    def __init__(self, node, searcher, directory):
        self.node, self.searcher, self.directory = node, searcher, Path(directory)
        log = node.core_log().text()
        self.table_at, self.table_bytes = location(log)
        self.core = corekeys.core_memory(log)

    def table(self):
        """The Core's frame table now, by itself."""
        path = self.directory / "table"
        self.node.save_memory(path, self.table_at, self.table_bytes)
        try:
            return FrameTable(path.read_bytes())
        finally:
            path.unlink()

    def ram_frames(self, pid, ram_name):
        """Host frames that a process maps as guest RAM: /proc/PID/pagemap, by proc(5)."""
        frames = []
        for line in self.node.check(f"cat /proc/{pid}/maps").splitlines():
            if ram_name not in line:
                continue
            start, end = (int(n, 16) // 4096 for n in line.split()[0].split("-"))
            words = array("Q")
            words.frombytes(self.node.run(
                f"dd if=/proc/{pid}/pagemap bs=64K iflag=skip_bytes,count_bytes,fullblock "
                f"skip={start * 8} count={(end - start) * 8} status=none").out_bytes)
            frames += [w & (1 << 55) - 1 for w in words if w >> 63]
        return frames

    def dump(self, name, ram_frames=()):
        """All of RAM, with the machine frozen. Those of ram_frames that are the host's then are
        told apart, as class "shared"."""
        ranges = self.node.ram_ranges()
        need = sum(size for _, size in ranges) + (256 << 20)
        free = shutil.disk_usage(self.directory).free
        if free < need:
            raise OSError(f"{need >> 20} MiB of disk needed under {self.directory}, "
                          f"{free >> 20} MiB free")
        dump = Dump(self, ram_frames, [(address, size, self.directory / f"{name}-{address:x}")
                           for address, size in ranges])
        try:
            self.node.freeze()
            try:
                dump.core_at_work = corekeys.in_core(self.node, *self.core)
                for address, size, path in dump.pieces:
                    self.node.save_memory(path, address, size)
            finally:
                self.node.thaw()
            dump.read_table()
        except BaseException:
            dump.delete()
            raise
        return dump


class Dump:
    def __init__(self, memory, ram_frames, pieces):
        self.memory, self.ram_frames, self.pieces = memory, ram_frames, pieces
        self.table = None
        self.core_at_work = None  # was a CPU running the Core's code?
        self.bytes = sum(size for _, size, _ in pieces)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()

    def delete(self):
        for _, _, path in self.pieces:
            path.unlink(missing_ok=True)

    def read(self, address, length):
        for start, size, path in self.pieces:
            if start <= address and address + length <= start + size:
                with open(path, "rb") as f:
                    f.seek(address - start)
                    return f.read(length)
        raise ValueError(f"{address:#x} is not in the dump")

    def read_table(self):
        self.table = FrameTable(self.read(self.memory.table_at, self.memory.table_bytes))
        if not self.table.frames[CORE]:
            raise ValueError("what the dump holds at the frame table's address is none")

    def search(self, *options):
        """cl-search's result, by class of frames."""
        classes = self.memory.directory / "classes"
        self.table.write_classes(classes, self.ram_frames)
        command = [str(self.memory.searcher), "--classify", str(classes), *map(str, options)]
        command += [f"{path}@{address:#x}" for address, _, path in self.pieces]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise OSError(done.stderr.strip() or f"cl-search ended with {done.returncode}")
        return json.loads(done.stdout)


def key_files(directory, keys):
    """--raw-key options for {name: key}; the files are for the caller's directory to remove."""
    options = []
    for name, key in keys.items():
        path = Path(directory) / f"{name}.key"
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as f:
            f.write(key)
        options += ["--raw-key", path]
    return options


def outside(found, *places):
    """Fragments of a hit that are not wholly in frames of these classes."""
    return sum(c["fragments"] for name, c in found["classes"].items() if name not in places)
