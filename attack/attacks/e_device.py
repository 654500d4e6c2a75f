# SPDX-License-Identifier: Apache-2.0
"""A hostile virtio device: what it may write, it writes wrongly. Its rings are in shared pages, so
the host's root can do what a QEMU of its own making would."""
import json

from suite import RAM_NAME, RUNNING, Attack, Outcome, RedisError

ENTRY = 8  # of the used ring: id and length, 4 bytes each


def queues(suite, kind):
    """(device, queue, where its used ring is, entries), by QEMU's own word."""
    devices = suite.qmp(kind, {"execute": "x-query-virtio"})[0]["return"]
    found = []
    for device in devices:
        for queue in range(2):
            answer = suite.qmp(kind, {"execute": "x-query-virtio-queue-status", "arguments": {
                "path": device["path"], "queue": queue}})[0]
            if "return" in answer and answer["return"]["vring-used"]:
                status = answer["return"]
                found.append((device["name"], queue, status["vring-used"], status["vring-num"]))
    return found


def read(suite, kind, pid):
    """Fragments of its secret in all of the guest's memory; none if it has ended."""
    result = suite.node.run(f"cl-hostread --json --canary /tmp/{kind}.shares --ram-name {RAM_NAME} "
                            f"{pid}", timeout=600)
    if result.rc and suite.inspect(kind)["status"] not in RUNNING:
        return 0
    return json.loads(result.out)["fragments"]


def hostile(kind):
    def run(suite):
        pid = suite.guest(kind)["qemu"]["pid"]
        suite.use(kind)
        rings = queues(suite, kind)
        if not rings:
            raise RuntimeError("QEMU tells of no virtio queue")
        # Ids beyond the ring and lengths of gigabytes, in every entry near the front; the network
        # first, as it works all the time. 0x04: behind flags and index.
        places = [used + 4 + entry * ENTRY + byte
                  for _, _, used, size in rings for entry in range(min(size, 24))
                  for byte in (1, 6)]
        script = "".join(f"cl-poke --ram-name {RAM_NAME} --gpa {at:#x} {pid} >/dev/null\n"
                         for at in places)
        suite.node.check(script, timeout=300)
        fragments = read(suite, kind, pid)
        suite.clients[kind].socket.settimeout(60)
        try:
            suite.clients[kind].command("GET", "canary")
            how = "the guest works on"
        except (OSError, RedisError, RuntimeError):
            how = "the guest's network is gone"
        fragments += read(suite, kind, pid)
        state = suite.inspect(kind)
        if state["status"] not in RUNNING:
            how = f"the guest ended: {state.get('reason')}"
        suite.end(kind)
        return Outcome(len(places), fragments * 32, how)
    return run


Attack("virtio_descriptors", "malicious device",
       "Used rings of the guest's virtio devices get ids beyond the ring and lengths of gigabytes "
       "while it works. Gained: bytes of its secret in memory that the host can read.",
       hostile("zone"), hostile("plain"))
