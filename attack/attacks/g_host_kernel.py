# SPDX-License-Identifier: Apache-2.0
"""A host kernel of the attacker's own (attack/payload): above the Core, and on the bare machine."""
import re

from suite import BUILD, Attack, Outcome
from machine import Machine
from node import LogFile, Node

PAYLOAD = BUILD / "attack/hostkernel.elf"
PAGES, PAGE = 64, 4096
MARKER = bytes.fromhex("efbead5eefbead5e")
MARKER_AT = 0x620   # of a VMCB: KERNEL_GS_BASE (APM vol. 2, appendix B)
INVALID_AT = 0x70   # of a VMCB: the exit code
CONTROL_BASE = 0x10000000


class PayloadMachine(Machine):
    """`base`: what the payload goes for; None: the Core says where it is."""

    def __init__(self, base, **options):
        super().__init__(name="attack-kernel", memory="1G", **options)
        self.base = base

    def _boot_arguments(self):
        if self.plain:
            return ["-kernel", str(PAYLOAD), "-append", f"core={self.base:x}"]
        return self.beneath(f"{PAYLOAD} core={self.base:x}")


def log(machine, path):
    machine.alive = machine.running
    return LogFile(path, machine)


def start(base, plain):
    """What the payload says, and the memory that it went for afterwards."""
    machine = PayloadMachine(base, plain=plain)
    with machine:
        console = log(machine, machine.console_log)
        console.wait_for(r"^done", 120)
        faults = {k: int(v, 16) for k, v in
                  re.findall(r"^faults (\w+) ([0-9a-f]{8})", console.text(), re.M)}
        node = Node(name="attack-kernel")
        node.machine = machine
        path = machine.run_dir / "target"
        node.save_memory(path, base, PAGES * PAGE)
        node._qmp.close()
        memory = path.read_bytes()
        path.unlink()
    return faults, memory


def outcome(faults, memory):
    if faults["own"]:
        raise RuntimeError("VMSAVE does not work even on a page of the host's own")
    pages = [memory[i:i + PAGE] for i in range(0, len(memory), PAGE)]
    written = sum(p[MARKER_AT:MARKER_AT + 8] == MARKER for p in pages)
    ran = sum(p[INVALID_AT:INVALID_AT + 4] == b"\xff" * 4 for p in pages)
    missing = sum(PAGES - faults[k] for k in ("vmsave", "vmload", "vmrun"))
    return Outcome(3 * PAGES, missing + 8 * (written + ran),
                   f"{sum(faults.values())} of {3 * PAGES} faulted")


def run(suite):
    machine = PayloadMachine(0)
    with machine:  # the payload stops at once: only to learn where the Core is
        found = log(machine, machine.core_log).wait_for(
            r"memory 0x([0-9a-f]+)\+0x([0-9a-f]+)", 120)
    return outcome(*start(int(found[1], 16), False))


def control(suite):
    return outcome(*start(CONTROL_BASE, True))


Attack("host_kernel_svm", "host kernel",
       "A host kernel of the attacker's own executes VMSAVE, VMLOAD and VMRUN on 64 pages of the "
       "Core. Gained: instructions that did not fault, bytes that they wrote.", run, control)
