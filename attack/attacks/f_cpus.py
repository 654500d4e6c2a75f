# SPDX-License-Identifier: Apache-2.0
"""INIT and its like at the other CPU. Last, as the control takes that CPU away."""
import re
import time

from suite import Attack, Outcome

TURN_SECONDS = 30  # by then QEMU's one thread has come to CPU 1, however busy the machine is


def obeys(suite):
    """Is CPU 1 where INIT leaves a CPU, or at the code that SIPI named (0x9f000)? QEMU's monitor
    sees its registers."""
    registers = suite.node.monitor("info registers -a").split("CPU#")
    mine = next(r for r in registers if r.startswith("1"))
    return bool(re.search(r"^CS =(f000 ffff0000|9f00 0009f000)", mine, re.M))


def run(suite):
    outcome = suite.program("msi_init", "zone")
    # CPU 1 has had its turn once it has done something for Linux.
    if suite.node.run("taskset -c 1 true", timeout=TURN_SECONDS).rc or obeys(suite):
        outcome.gained += 1
    return outcome


def control(suite):
    # The firmware has left it asleep in a loop of its own.
    if obeys(suite):
        raise RuntimeError("CPU 1 is in real mode before anything is tried")
    suite.program("msi_init", "plain")
    end = time.monotonic() + TURN_SECONDS
    while not obeys(suite) and time.monotonic() < end:
        time.sleep(0.1)
    return Outcome(1, int(obeys(suite)))


Attack("msi_init", "host root",
       "The host sends INIT, SIPI, SMI and NMI to the other CPU by MSI writes all over the window, "
       "by aliases of the local APIC's registers, and SMI by its command register (INIT and SIPI "
       "there are played by the Core). Gained: writes that the Core did not refuse, CPUs reset; "
       "control: CPUs that obey INIT.", run, control, control_on="machine")
