# SPDX-License-Identifier: Apache-2.0
"""The host's root reads memory of a real guest (Debian's Redis, 512 MiB) in every way it has."""
import json

from suite import RAM_NAME, Attack, Outcome


def process(kind):
    def run(suite):
        pid = suite.guest(kind)["qemu"]["pid"]
        suite.use(kind)
        read = json.loads(suite.node.check(
            f"cl-hostread --json --canary /tmp/{kind}.shares --ram-name {RAM_NAME} {pid}",
            timeout=600))
        suite.use(kind)
        return Outcome(read["bytes"] // 4096, read["fragments"] * 32,
                       f"{read['bytes'] >> 20} MiB read, {read['errors']} pages not readable")
    return run


def kernel(kind):
    def run(suite):
        suite.guest(kind)
        suite.use(kind)
        read = json.loads(suite.node.check(f"cl-kcoreread --canary /tmp/{kind}.shares",
                                           timeout=600))
        suite.use(kind)
        return Outcome(read["bytes"] // 4096, read["fragments"] * 32,
                       f"{read['bytes'] >> 20} MiB read, {read['errors']} pages not readable")
    return run


def monitor(kind):
    """QEMU itself writes the guest's memory to files: pmemsave, piece by piece, then a core dump."""
    def run(suite):
        state = suite.guest(kind)
        suite.use(kind)
        piece, fragments, read = 128 << 20, 0, 0
        for at in range(0, state["memory_bytes"], piece):
            answer = suite.qmp(kind, {"execute": "pmemsave", "arguments": {
                "val": at, "size": min(piece, state["memory_bytes"] - at),
                "filename": "/tmp/piece"}})
            if not answer or "return" not in answer[0]:
                raise RuntimeError(f"QEMU does not save memory: {answer}")
            found = json.loads(suite.node.check(
                f"cl-search --canary /tmp/{kind}.shares /tmp/piece; rm -f /tmp/piece",
                timeout=600))
            fragments += found["fragments"]
            read += min(piece, state["memory_bytes"] - at)
        suite.use(kind)
        return Outcome(read // 4096, fragments * 32, f"{read >> 20} MiB saved")
    return run


Attack("root_reads_process", "host root",
       "Root reads all memory of the guest's QEMU by /proc/PID/mem, right after the guest has used "
       "its secret. Gained: bytes of the secret (runs of 32 and more).",
       process("zone"), process("plain"))
Attack("root_reads_kernel", "host root",
       "Root reads all RAM that the host's kernel knows by /proc/kcore: page cache, network "
       "buffers, all processes. Gained: as above.", kernel("zone"), kernel("plain"))
Attack("monitor_saves_memory", "QEMU's monitor",
       "QEMU's monitor saves all of the guest's memory to files. Gained: as above.",
       monitor("zone"), monitor("plain"))
