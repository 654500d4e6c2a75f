# SPDX-License-Identifier: Apache-2.0
"""The zones that node tests share: what takes a minute to start is started once."""
import json
import subprocess
import sys
import tempfile
import time

from case import expect
from images import REDIS_IN_NODE
from node import BUILD, ROOT, NodeError, Timeout, free_port  # noqa: F401

sys.path.insert(0, str(ROOT / "demo"))
from redis_tls import Redis, RedisError  # noqa: E402,F401

# Ports of the build machine → of the node, for two zones.
PORTS = {"redis": (free_port(), 6379), "redis-report": (free_port(), 7443),
         "small": (free_port(), 6380), "small-report": (free_port(), 7444)}
NODE = {"forward": list(PORTS.values())}
UP_SECONDS = 400
WINDOW = {"redis": "64M", "small": "2048"}
IDLE = {"redis": 5000, "small": 500}

_directory = tempfile.TemporaryDirectory(prefix="cloister-test-")


def cloister(*arguments, timeout=300):
    """`cloister` on the build machine: outside of the node."""
    return subprocess.run([BUILD / "bin/cloister", *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout)


def inspect(node, name):
    return json.loads(node.check(f"cloister inspect {name}"))


def core(node):
    return json.loads(node.check("cloister core info --json"))


def core_key(node):
    """From the Core's log, where the host has no hand in it."""
    return node.core_log().wait_for(r"report key ([0-9a-f]{128})\b")[1]


def client(name):
    return Redis(PORTS[name][0], _directory.name)


def connect(node, name):
    """A TLS client, as soon as this zone's Redis answers."""
    end = time.monotonic() + UP_SECONDS
    while True:
        try:
            return client(name)
        except OSError as e:
            state = inspect(node, name)
            if state["status"] == "ended" or time.monotonic() > end:
                raise NodeError(f"{name}: {state['status']} {state.get('reason')}\n" + node.run(
                    f"cloister logs {name} | tail -n 20").out) from e
            time.sleep(0.5)


def live(node, name):
    """The zone of this name, up, with Redis answering: its inspect."""
    state = node.run(f"cloister inspect {name}")
    if state.rc or json.loads(state.out)["status"] != "live":
        node.check(f"cloister run --name {name} --window {WINDOW[name]} --idle {IDLE[name]} "
                   f"--publish 0.0.0.0:{PORTS[name][1]}:6379 "
                   f"--publish 0.0.0.0:{PORTS[name + '-report'][1]}:7443 {REDIS_IN_NODE}",
                   timeout=300)
        connect(node, name).close()
    return inspect(node, name)


def ends(node, name, pattern, timeout=60):
    """Waits until the zone has ended by itself, in the Core's log for the reason."""
    instance = inspect(node, name)["instance"]
    return node.core_log().wait_for(rf"zone {instance} ended: .*(?:{pattern})", timeout)


def nothing_left(node):
    """No process, no state, no memory file, no zone."""
    found = node.run("pgrep -a 'qemu-system|cloister'; ls -A /run/cloister 2>/dev/null | "
                     "grep -v '^[.]lock$'; ls -d /sys/fs/cgroup/cloister/*/ 2>/dev/null; ls /dev/shm /dev/hugepages 2>/dev/null | "
                     "grep -v '^/dev\\|^$'; grep cloister /proc/mounts; "
                     "cloister core info | grep '^zones' | grep -v ' 0 live'").out
    expect(not found.strip(), "something is left", found)
