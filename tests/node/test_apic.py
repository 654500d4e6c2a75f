# SPDX-License-Identifier: Apache-2.0
"""Local APICs in x2APIC mode, which Debian 12's QEMU does not emulate: Debian 13's QEMU 10 does.

Linux uses the mode only with an IOMMU of its own or on hypervisors that it knows, so the host here
is tests/payload/x2apic.c.
"""
from case import case, expect
from machine import BUILD
from payload import lines, output

ELF = BUILD / "payload/x2apic.elf"
XAPIC, X2APIC = "2", "3"  # bits 11 and 10 of APIC_BASE
GP = "14"  # vector + 1


def run(bare, x2apic, newer_qemu=True):
    text = output(ELF, bare, f"x2apic={x2apic} core={int(not bare)}", smp=2, newer_qemu=newer_qemu,
                  name="apic")
    expect("payload: done" in text, "it did not end", text)
    return {name: fields[""] for name, fields in lines(text).items()}


def says(said, wanted):
    wrong = {k: said.get(k) for k, v in wanted.items() if said.get(k) != v}
    expect(not wrong, "not as it has to be", wrong, said)


def worked(said, mode):
    """Both CPUs start, and CPU 1 gets everything that it is sent, in this mode."""
    says(said, {"base.mode": mode, "id": "0", "self": "1", "start": "1", "ipi": "100",
                "nmi": "100", "ipi.after": "100", "start.again": "1", "ipi.again": "1"})


def held(said, refused):
    """Zones launch beside CPU 1, and the host may not do what the Core keeps for itself."""
    says(said, {"launches": "10", "refused.registers": "4", "base.back": GP, "base.off": GP,
                "base.moved": GP, **refused})


@case()
def test_x2apic_bare():
    "Control: the program works on the bare CPU in x2APIC mode."
    said = run(bare=True, x2apic=1)
    expect(said["cpuid.x2apic"] == "1" and said["base.enable"] == "0", "no x2APIC", said)
    worked(said, X2APIC)


@case()
def test_x2apic():
    "A host in x2APIC mode: CPUs start by the Core's rules, shoot-downs arrive, SMI and INIT do not."
    said = run(bare=False, x2apic=1)
    expect(said["cpuid.x2apic"] == "1" and said["base.enable"] == "0", "no x2APIC", said)
    worked(said, X2APIC)
    held(said, {"refused.window": "2"})


@case()
def test_xapic():
    "The same program in xAPIC mode, on both QEMUs."
    for newer in (False, True):
        said = run(bare=False, x2apic=0, newer_qemu=newer)
        worked(said, XAPIC)
        held(said, {})
