# SPDX-License-Identifier: Apache-2.0
"""The Core's keys: nowhere but in the CPUs' debug registers, and nobody reads those.

What is looked for is not guessed: QEMU's monitor gives the registers, and demo/corekeys.py derives
from them what the Core derives. That this is right is shown first: the derived report key is the
one in the Core's log, and the derived zone key opens the zone's sealed pages.
"""
import json
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from case import case, expect
from node import BUILD, ROOT

sys.path.insert(0, str(ROOT / "demo"))
import corekeys  # noqa: E402
from frames import SEALED, FrameTable, location  # noqa: E402
from memory import Memory, key_files  # noqa: E402

PROGRAM = "/usr/lib/cloister-tests/cl-vmm"
STOPS, STOPS_MAX = 50, 400
PATTERN = 0x434c4f4953544552  # tests/node/programs/guest.h
PAGES_GPN, PAGES = 0x400, 400


class Search:
    """Ground truth and the places to look at."""

    def __init__(self, node, instance, directory):
        self.node, self.directory = node, Path(directory)
        log = node.core_log().text()
        self.master = corekeys.master(node)
        self.base, self.size = corekeys.core_memory(log)
        self.zone_key = corekeys.derive(self.master, corekeys.PAGES, instance)
        self.report_key = corekeys.derive(self.master, corekeys.REPORT, 0)
        self.public = bytes.fromhex(re.search(r"report key ([0-9a-f]{128})", log)[1])
        self.memory = Memory(node, BUILD / "bin/cl-search", directory)
        self.secrets = {"master": self.master, **corekeys.zone_secrets(self.zone_key),
                        **corekeys.report_secrets(self.report_key)}
        self.options = key_files(directory, corekeys.searchable(self.secrets))
        self.words = [self.master[i:i + 8] for i in range(0, 32, 8)]

    def frozen(self):
        """One moment's Core memory: was the Core at work, which pieces of keys, master's words."""
        path = self.directory / "core"
        pause = random.uniform(0.005, 0.1)  # a sample of moments, not a wait for anything
        time.sleep(pause)
        self.node.freeze()
        try:
            busy = corekeys.in_core(self.node, self.base, self.size)
            self.node.save_memory(path, self.base, self.size)
        finally:
            self.node.thaw()
        done = subprocess.run([BUILD / "bin/cl-search", *map(str, self.options), f"{path}@{self.base}"],
                              stdout=subprocess.PIPE, check=True)
        hits = {Path(k["name"]).stem for k in json.loads(done.stdout)["raw_keys"] if k["fragments"]}
        data = path.read_bytes()
        return busy, hits, sum(data.count(w) for w in self.words)

    def sealed_opened(self):
        """How many of the zone's sealed pages the derived key decrypts: the counter block that
        stands behind the first ciphertext block is page ‖ version ‖ 2."""
        node, directory = self.node, self.directory
        node.freeze()
        try:
            at, size = location(node.core_log().text())
            node.save_memory(directory / "table", at, size)
            table = FrameTable((directory / "table").read_bytes())
            sealed = [(f, table.owner[f][1]) for f in table.frames[SEALED]
                      if PAGES_GPN <= table.owner[f][1] < PAGES_GPN + PAGES][:32]
            blocks = []
            for frame, _ in sealed:
                node.save_memory(directory / "page", frame << 12, 16)
                blocks.append((directory / "page").read_bytes())
        finally:
            node.thaw()
        plain = struct.pack("<2Q", PATTERN, PATTERN)
        counters = corekeys.aes(self.zone_key, b"".join(
            bytes(a ^ b for a, b in zip(block, plain)) for block in blocks), decrypt=True)
        good = sum(counters[16 * i:16 * i + 4] == struct.pack(">I", gpn) and
                   counters[16 * i + 12:16 * i + 16] == struct.pack(">I", 2)
                   for i, (_, gpn) in enumerate(sealed))
        return good, len(sealed)


def start_busy(node):
    job = node.popen(f"exec {PROGRAM} busy")
    return job, int(job.wait_for(r"busy (\d+)")[1])


@case(timeout=1500, dirty=True, node={})
def test_not_in_a_dump(node):
    "Frozen at arbitrary moments under load, and idle: no key in RAM but while it is in use."
    with tempfile.TemporaryDirectory(dir=BUILD / "run") as d:
        job, instance = start_busy(node)
        search = Search(node, instance, d)
        expect(corekeys.public_half(search.report_key) == search.public,
               "the derived report key is not the Core's")
        # A page may just be opened: its contents are there already, its state changes after that.
        for _ in range(10):
            good, sealed = search.sealed_opened()
            if good == sealed:
                break
        expect(sealed >= 16 and good == sealed,
               f"the derived key opens {good} of {sealed} sealed pages")

        moments, in_core, in_use = 0, 0, 0
        while moments < STOPS or (not in_use and moments < STOPS_MAX):
            busy, hits, words = search.frozen()
            moments += 1
            in_core += busy
            in_use += bool(hits)
            expect(not words, f"{words} words of the master in Core memory")
            expect(not hits & {"master", "scalar", "scalar-reversed", "scalar-words"},
                   "a key that nobody used at the moment", hits)
            expect(busy or not hits, "a zone's key in RAM while no CPU was in the Core", hits)
        print(f"        {moments} moments of a zone that does nothing but fault: {in_core} in the "
              f"Core, the page key in RAM in {in_use}")
        expect(in_use, "no moment met the key in use: the search has shown nothing")

        # The zone stays, its pages sealed and open as they are, and nothing runs.
        node.check("pkill -STOP -x cl-vmm")
        with search.memory.dump("idle") as dump:
            found = dump.search("--keys", *search.options)
        left = {k["name"]: k for k in found["raw_keys"] if k["fragments"]}
        expect(not left, "keys in a dump of all RAM", left)
        core = [s for s in found["schedules"]["list"] if s["class"] == "core"]
        expect(not core and not found["schedules"]["classes"].get("core"),
               "AES schedules in Core memory", core)
        good, sealed = search.sealed_opened()
        expect(sealed >= 16 and good == sealed, f"{good} of {sealed} sealed pages, afterwards")
        node.check("pkill -KILL -x cl-vmm")
        job.wait(60)


@case(timeout=900, node={})
def test_scalar_while_signing(node):
    "The report key's scalar is in RAM at most while a report is made."
    with tempfile.TemporaryDirectory(dir=BUILD / "run") as d:
        search = Search(node, 0, d)
        job = node.popen(f"for i in $(seq 1000); do {PROGRAM} zone_calls || exit; done")
        in_use, signing = 0, {"scalar", "scalar-reversed", "scalar-words"}
        for _ in range(STOPS // 2):
            busy, hits, words = search.frozen()
            expect(not words, f"{words} words of the master in Core memory")
            expect(busy or not hits & signing, "the scalar, while no CPU was in the Core", hits)
            in_use += bool(hits & signing)
        print(f"        {STOPS // 2} moments of zones that start, ask for a report, and end: the scalar "
              f"in RAM in {in_use}")
        job.kill()
        job.wait(60)


def attack(node):
    return [json.loads(line) for line in node.check("cl-debugregs").splitlines()]


@case(timeout=600, node={})
def test_not_by_the_host(node):
    "ptrace, perf, KVM's guests and its guest debugging: no bit of the master, on any CPU."
    words = set(struct.unpack("<4Q", corekeys.master(node)))
    halves = {half for w in words for half in (w & 0xffffffff, w >> 32)}
    roads = attack(node)
    expect(len(roads) == 4, "four roads", roads)
    for road in roads:
        read = [int(v, 16) for v in road["read"]]
        expect(road["tried"], "a road was not tried", road)
        expect(not words.intersection(read), "the host reads the master", road)
        expect(not halves.intersection(half for v in read for half in (v & 0xffffffff, v >> 32)),
               "the host reads a part of the master", road)
        expect(not road["fired"], "a breakpoint fires", road)
    expect(words == set(struct.unpack("<4Q", corekeys.master(node))), "the master has changed")


@case(timeout=600, node={"plain": True})
def test_roads_lead_somewhere(node):
    "Control: without the Core the same program's breakpoints fire, and its values are the CPU's."
    for road in attack(node):
        expect(road["fired"] or road["road"] == "guest", "no breakpoint fires", road)
