# SPDX-License-Identifier: Apache-2.0
"""Pages of a real zone (Redis, 512 MiB) under a host that reads and changes them. The same page by
page, with tiny zones: test_core.py."""
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import zones
from case import case, expect
from node import BUILD
from zones import NODE, RedisError  # noqa: F401

RAM_NAME = "memfd:cloister-ram"
CANARY_BYTES = 1 << 20


def new_canary(node):
    """Random bytes; in the node only as two shares, so that the searcher does not find itself."""
    data = os.urandom(CANARY_BYTES)
    with tempfile.TemporaryDirectory() as directory:
        path, shares = Path(directory, "canary"), Path(directory, "shares")
        path.write_bytes(data)
        subprocess.run([BUILD / "bin/cl-search", "--split", path, shares], check=True)
        node.put(shares, "/tmp/canary.shares")
    return data


def pages(node, name):
    return zones.inspect(node, name)["core"]


@case(timeout=400)
def test_host_reads_all_memory(node):
    "The host's root reads all of QEMU's memory: no error, no plaintext; the data come back."
    zones.live(node, "redis")
    redis = zones.client("redis")
    canary = new_canary(node)
    expect(redis.command("SET", "canary", canary) == b"OK", "SET")
    before = zones.inspect(node, "redis")
    out = node.check(f"cl-hostread --json --canary /tmp/canary.shares --ram-name {RAM_NAME} "
                     f"{before['qemu']['pid']}", timeout=300)
    read = json.loads(out)
    expect(read["ram"]["bytes"] >= before["memory_bytes"], "not all of the RAM was read", out)
    expect(read["ram"]["errors"] == 0, "pages could not be read", out)
    expect(read["fragments"] == 0, "plaintext found", out)
    after = pages(node, "redis")
    expect(after["surrenders"] > before["core"]["surrenders"] + 1000, "hardly a page surrendered",
           after)
    expect(redis.command("GET", "canary") == canary, "the data have changed")
    expect(pages(node, "redis")["opens"] > after["opens"], "no page came back")
    redis.close()


@case(timeout=400)
def test_small_window(node):
    "A window of 2048 pages: never more are open while Redis works; the data stay right."
    zones.live(node, "small")
    redis = zones.client("small")
    first, most = pages(node, "small"), 0
    window = first["window_pages"]
    expect(window == 2048, "another window", first)
    values = {f"key{i}": os.urandom(CANARY_BYTES) for i in range(4)}
    for key, value in values.items():
        expect(redis.command("SET", key, value) == b"OK", "SET")
        most = max(most, pages(node, "small")["open_pages"])
    for key, value in values.items():
        expect(redis.command("GET", key) == value, "the data have changed")
        most = max(most, pages(node, "small")["open_pages"])
    last = pages(node, "small")
    expect(0 < most <= window, f"{most} pages open, window {window}")
    # More was touched than the window holds.
    expect(last["seals"] > first["seals"] and last["opens"] > first["opens"], "nothing was sealed",
           first, last)
    expect(last["open_pages"] + last["sealed_pages"] + last["surrendered_pages"] > window,
           "fewer private pages than the window", last)
    redis.close()


@case(timeout=400)
def test_idle_pages_are_sealed(node):
    "Pages that are not touched for 500 ms are sealed, and open again when they are needed."
    zones.live(node, "small")
    redis = zones.client("small")
    value = os.urandom(CANARY_BYTES)
    expect(redis.command("SET", "idle", value) == b"OK", "SET")
    before = pages(node, "small")
    end = time.monotonic() + 60
    while True:
        now = pages(node, "small")
        if now["open_pages"] < before["window_pages"] // 2 and \
                now["idle_seals"] > before["idle_seals"]:
            break
        expect(time.monotonic() < end, "the pages stay open", before, now)
    expect(redis.command("GET", "idle") == value, "the data have changed")
    expect(pages(node, "small")["opens"] > now["opens"], "no page was opened again")
    redis.close()


@case(timeout=400)
def test_tampered_page_kills_that_zone(node):
    "A byte changed by the host's root: that zone ends for it, another and plain guests live on."
    zones.live(node, "redis")
    zones.live(node, "small")
    state = zones.inspect(node, "small")
    witness = zones.client("redis")
    expect(witness.command("SET", "witness", "alive") == b"OK", "SET")
    redis = zones.client("small")
    log = node.core_log()
    log.position = len(log.text())
    ended = rf"zone {state['instance']} ended: page 0x[0-9a-f]+ failed its integrity check"
    poke = (f"cl-poke --ram-name {RAM_NAME} --random-page-of-ram --count 200 "
            f"{state['qemu']['pid']}")
    node.check(poke)
    for _ in range(20):
        if node.run(poke).rc:  # the zone has ended in between, and its QEMU with it
            break
        try:
            redis.socket.settimeout(10)
            redis.command("PING")
        except (OSError, RedisError):
            break
    log.wait_for(ended, 60)
    node.check("until cloister inspect small | grep -q '\"ended\"'; do sleep 0.2; done")
    expect("integrity" in zones.inspect(node, "small")["reason"], "the reason is not told",
           zones.inspect(node, "small"))
    expect(witness.command("GET", "witness") == b"alive", "the other zone was hit")
    result = node.run("/usr/lib/cloister-tests/cl-vmm launch >/dev/null; "
                      "/usr/lib/cloister-tests/cl-vmm plain_pages >/dev/null; cloister core info")
    expect(result.rc == 0 and " 1 live" in result.out, "the Core or the host was hit", result.out)
    node.check("cloister stop small")
    witness.close()
