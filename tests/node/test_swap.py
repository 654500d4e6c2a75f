# SPDX-License-Identifier: Apache-2.0
"""The host swaps, moves and merges the memory of a zone as any other memory. The swap device is a
virtio disk: QEMU takes what is written to it from the node's RAM, past all page tables, so what it
holds is what the frames held."""
import atexit
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import zones
from case import case, expect
from node import BUILD

_directory = tempfile.TemporaryDirectory(prefix="cloister-swap-")
atexit.register(_directory.cleanup)
SWAP = Path(_directory.name, "swap.raw")
with open(SWAP, "wb") as _file:
    _file.truncate(2 << 30)
NODE = {**zones.NODE, "extra": ["-drive", f"file={SWAP},if=none,id=swap,format=raw",
                                "-device", "virtio-blk-pci,drive=swap"]}
CANARY_BYTES = 8 << 20
GROUP = "$(ls -d /sys/fs/cgroup/cloister/*/)"


def swap_on(node):
    node.check("grep -q /dev/vdc /proc/swaps || { mkswap /dev/vdc && swapon /dev/vdc; }")


def events(node):
    return {name: int(value) for name, value in
            (line.split() for line in node.check("cat /proc/vmstat").splitlines())}


def fragments(data):
    """How much of the data the swap device holds."""
    path = Path(_directory.name, "canary")
    path.write_bytes(data)
    found = json.loads(subprocess.run([BUILD / "bin/cl-search", "--canary", path, SWAP], check=True,
                                      stdout=subprocess.PIPE).stdout)
    path.unlink()
    return found["fragments"]


def swapped_out(node, group, enough):
    """Makes the host reclaim a control group's memory until enough() says so."""
    end = time.monotonic() + 120
    while not enough():
        # EAGAIN: less than it was asked for.
        node.run(f"echo 96M >{group}/memory.reclaim", timeout=120)
        expect(time.monotonic() < end, "the host does not swap it out",
               node.run(f"cat {group}/memory.current {group}/memory.swap.current").out)


def mostly_on_the_device(node, group):
    """Three quarters of what a control group has."""
    held, swapped = (int(n) for n in
                     node.check(f"cat {group}/memory.current {group}/memory.swap.current").split())
    return swapped > (held + swapped) * 3 // 4


def healthy(node):
    found = node.run("dmesg | grep -E -A 40 'BUG:|Oops|WARNING:|Bad page|soft lockup' | head -n 100").out
    expect(not found, "the host's kernel complains", found)


def pages(node):
    return zones.inspect(node, "redis")["core"]


@case(timeout=600)
def test_control(node):
    "Memory of an ordinary program that is swapped out is on the swap device, in the clear."
    data = os.urandom(CANARY_BYTES)
    swap_on(node)
    group = "/sys/fs/cgroup/control"
    node.check(f"mkdir -p {group} && echo $$ >{group}/cgroup.procs && cat >/dev/shm/control", input=data)
    swapped_out(node, group, lambda: int(node.check(f"cat {group}/memory.swap.current")) > len(data) / 2)
    found = fragments(data)
    expect(found > len(data) // 32 // 4, "the search finds too little", found)
    node.check("rm /dev/shm/control")


@case(timeout=900)
def test_zone_is_swapped_out_and_in(node):
    "A zone's memory on the swap device is ciphertext, and comes back as it was."
    swap_on(node)
    zones.live(node, "redis")
    redis = zones.client("redis")
    data = os.urandom(CANARY_BYTES)
    expect(redis.command("SET", "swap", data) == b"OK", "SET")
    before = pages(node)
    private = before["open_pages"] + before["sealed_pages"]
    # Both: pages that the host took away before and has swapped in again stay surrendered until the
    # zone wants them.
    swapped_out(node, GROUP, lambda: mostly_on_the_device(node, GROUP) and
                pages(node)["surrendered_pages"] > private * 3 // 4)
    out, written = pages(node), events(node)
    expect(out["state"] == "live", "the zone has ended", out)
    expect(written["pswpout"] * 4096 > CANARY_BYTES, "hardly anything was written", written)
    found = fragments(data)
    expect(found == 0, "plaintext on the swap device", found)
    redis.socket.settimeout(120)
    expect(redis.command("GET", "swap") == data, "the data have changed")
    back, read = pages(node), events(node)
    expect(back["opens"] - out["opens"] > CANARY_BYTES // 4096 // 2, "hardly a page came back", back)
    expect(read["pswpin"] - written["pswpin"] > CANARY_BYTES // 4096 // 4, "hardly anything was read", read)
    redis.close()
    healthy(node)


@case(timeout=1500)
def test_zone_is_moved_and_merged(node):
    "Compaction moves a zone's pages, and KSM looks at all of them, while it works."
    zones.live(node, "redis")
    redis = zones.client("redis")
    redis.socket.settimeout(120)
    data = os.urandom(CANARY_BYTES)
    expect(redis.command("SET", "move", data) == b"OK", "SET")
    # Huge pages are not moved; those that were swapped out and have come back are small ones.
    swap_on(node)
    swapped_out(node, GROUP, lambda: pages(node)["surrendered_pages"] > 4000)
    node.check("swapoff /dev/vdc", timeout=300)
    first, moved = pages(node), events(node)["pgmigrate_success"]
    node.check("echo 1 >/sys/kernel/mm/ksm/run; echo 5000 >/sys/kernel/mm/ksm/pages_to_scan")
    end = time.monotonic() + 600
    while True:
        # Holes to move pages into and out of: page cache, dropped again.
        node.check("cat /usr/lib/x86_64-linux-gnu/*.so* >/dev/null; echo 3 >/proc/sys/vm/drop_caches; "
                   "echo 1 >/proc/sys/vm/compact_memory", timeout=300)
        expect(redis.command("GET", "move") == data, "the data have changed")
        now = pages(node)
        if now["surrenders"] > first["surrenders"] + 100 and \
                events(node)["pgmigrate_success"] > moved + 100:
            break
        expect(time.monotonic() < end, "the host moves nothing of it", first, now)
    node.check("echo 2 >/sys/kernel/mm/ksm/run")
    expect(now["state"] == "live" and now["opens"] > first["opens"], "no page came back", now)
    redis.close()
    healthy(node)


@case(timeout=600)
def test_killed_while_swapped_out(node):
    "QEMU killed with pages on the swap device: the Core has all of its memory back."
    swap_on(node)
    zones.live(node, "redis")
    swapped_out(node, GROUP, lambda: pages(node)["surrendered_pages"] > 1000)
    state = zones.inspect(node, "redis")
    node.check(f"kill -9 {state['qemu']['pid']}")
    zones.ends(node, "redis", "", 120)
    node.check("cloister stop redis >/dev/null 2>&1; true")

    node.check("swapoff /dev/vdc", timeout=300)
    expect(re.search(r"0 live", node.check("cloister core info")), "a zone is left")
    healthy(node)
