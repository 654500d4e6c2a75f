# SPDX-License-Identifier: Apache-2.0
"""Roads that once led into the Core (tests/payload/breaks.c), each with the bare machine as control
where it has the road, too."""
from case import case, expect
from machine import BUILD
from payload import lines, output

ELF = BUILD / "payload/breaks.elf"


def run(bare):
    text = output(ELF, bare, f"core={int(not bare)}", smp=2, threads="multi", name="breaks")
    expect("payload: done" in text, "it did not end", text)
    return lines(text)


def says(said, name, **wanted):
    expect(said.get(name) == {k: str(v) for k, v in wanted.items()}, name, said.get(name))


@case()
def test_control():
    "On the bare machine an SMI runs what the host put where a CPU looks for its handler."
    said = run(bare=True)
    says(said, "smi.boot_cpu", taken=1)
    says(said, "a20.keyboard", off=1)
    says(said, "a20.port_a", off=1)
    says(said, "invalid", refused=1, others_rip=1)
    says(said, "ioapic_register", written=1)
    says(said, "shadow.vmrun", before_hlt=1)
    says(said, "smi.other_cpu", done=1, taken=1)
    says(said, "cr4_after_cr0", vector=-1, got=1)


@case(timeout=300)
def test_closed():
    "Above the Core none of them leads anywhere, and what is allowed works."
    said = run(bare=False)
    says(said, "no_long_mode", differs=0)
    says(said, "msi_stack", shutdown=1)
    says(said, "a20.keyboard", off=0)
    says(said, "a20.port_a", off=0)
    says(said, "invalid", refused=1, others_rip=0)
    says(said, "ioapic_register", written=0)
    says(said, "shadow.sti", before_hlt=0)
    says(said, "failing_launches", refused=24, both=1, leaked=0)
    says(said, "smi.boot_cpu", taken=0)
    says(said, "smi.other_cpu", done=1, taken=0)
    says(said, "cr4_after_cr0", vector=-1, got=1)
