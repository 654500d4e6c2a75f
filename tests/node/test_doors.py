# SPDX-License-Identifier: Apache-2.0
"""Ports, device registers and MSRs by which the host's root could get at memory, or have a chip do
it: tried with every width, refused, counted, and without effect. (Resets: test_reset.py.)"""
import json
import re

from case import case, expect
from node import Node

# /dev/mem shows registers that Linux uses only so.
NODE = {"append": "iomem=relaxed"}
DOOR = "/usr/lib/cloister-tests/cl-door"


def door(node, order):
    """What the last reading action of the order saw."""
    out = node.check(f"{DOOR} {order}").split()
    return out[-1] if out else None


def counted(node):
    return json.loads(node.check("cloister core info --json"))["refused"]


def without_effect(node, orders, look):
    """Each order is counted as refused and changes nothing of what look reads."""
    before = door(node, look)
    for order in orders:
        n = counted(node)
        door(node, order)
        expect(counted(node) > n, f"{order} is not counted", node.core_log().tail(3))
        now = door(node, look)
        expect(now == before, f"{order} changed {look}: {before} to {now}")
    return before


def port(node, number):
    """As the machine has it: by QEMU's monitor, past the Core."""
    return int(node.monitor(f"i /b {number:#x}").split("=")[1], 16)


def test_isa_dma(node):
    "The DMA controllers are not there: nothing is read, no channel is unmasked."
    masks = {0x09: port(node, 0x09), 0xd2: port(node, 0xd2)}  # where QEMU shows them
    for order in ("in8 f", "in8 de", "in8 87", "in8 8", "in8 481", "in16 d0"):
        expect(set(door(node, order)) == {"f"}, f"{order} reads something")
    for first, second in ((0x0f, 0xde), (0x0d, 0xdc)):
        door(node, f"out8 {first:x} 0 out8 {second:x} 0 out16 {first - 1:x} 0 "
                   f"out32 {second - 2:x} 0 outs8 {first:x} 0 4 outs16 {second:x} 0 2 "
                   f"out8 a 1 out8 d4 1 out8 e 0")
    for number, mask in masks.items():
        expect(port(node, number) == mask, f"mask {number:#x} is {port(node, number):#x}, "
               f"was {mask:#x}")
    node.monitor("o /b 0xf 0x5")
    expect(port(node, 0x09) == 5, "nothing can unmask a channel: nothing is proven")
    node.monitor(f"o /b 0xf {masks[0x09]:#x}")


def test_fw_cfg_dma(node):
    "QEMU's fw_cfg DMA register is not there at any width, nor behind a wider access before it."
    for order in ("in32 514", "in32 518", "in16 51a", "in8 514", "in32 512", "in16 513", "in32 511"):
        expect(set(door(node, order)) == {"f"}, f"{order} reads something")
    expect(door(node, "out16 510 0 in8 511") == "51", "fw_cfg itself does not read")  # "Q"


def test_watchdog(node):
    "ICH9's watchdog, which resets without anybody's write, is not there."
    expect(door(node, "in16 668") == "ffff" and door(node, "in32 65e") == "ffffffff", "it reads")


def test_a20_and_keyboard_controller(node):
    "A20 stays open; the controller's output port is not the host's."
    without_effect(node, ["out8 92 0", "out16 91 0", "out32 90 0", "outs8 92 0 1"], "in8 92")
    without_effect(node, ["out8 64 d1", "out8 64 dd", "out16 63 d1ff", "outs8 64 fe 1",
                          "outs8 64 fe 8"], "in8 92")


def test_reset_by_string(node):
    "A string write to port 0xcf9 is no reset and not done."
    without_effect(node, ["outs8 cf9 6 1", "outs16 cf8 600 2", "outs32 cf8 600 1"], "in8 cf9")


def test_configuration_space(node):
    "Registers that move ACPI's ports or the window onto configuration space stay, by each road."
    look = "out32 cf8 8000f840 in32 cfc"
    without_effect(node, ["out32 cf8 8000f840 out32 cfc 701", "out32 cf8 8000f840 out16 cfc 701",
                          "out32 cf8 8000f840 out8 cfd 7", "out32 cf8 8000f844 out8 cfc 0",
                          "write32 b00f8040 701", "write8 b00f8041 7", "write16 b00f8040 701",
                          "write64 b00f8040 701"], look)
    look = "out32 cf8 80000060 in32 cfc"
    was = without_effect(node, ["out32 cf8 80000060 out32 cfc c0000001",
                                "out32 cf8 80000060 out8 cff c0",
                                "write32 b0000060 c0000001", "write64 b0000060 c0000001"], look)
    expect(was == "b0000001", "the window is not where this test writes", was)
    # No byte within the address: QEMU adds that of the port, and 3F becomes 42.
    for address, look in (("8000f83f", "8000f840"), ("8000f8ef", "8000f8f0"),
                          ("8000005f", "80000060")):
        before = door(node, f"out32 cf8 {look} in32 cfc")
        door(node, f"out32 cf8 {address} out32 cfc 70100 out16 cfe 701 out8 cff 7")
        now = door(node, f"out32 cf8 {look} in32 cfc")
        expect(now == before, f"register {look} by {address}: {before} to {now}")
        expect(int(door(node, f"out32 cf8 {address} in32 cf8"), 16) & 3 == 0, "bits 1:0 stay")
    # Half in the data port, half beside it.
    without_effect(node, ["out32 cf8 8000f83c out32 cfe 7010701", "out32 cf8 8000f840 out16 cfb 7010",
                          "out32 cf8 8000f840 out32 cfb 7010101", "out32 cf8 8000f840 out16 cff 701"],
                   "out32 cf8 8000f840 in32 cfc")
    # Beside them all works: the LPC bridge's PIRQA routing, there and back.
    old = door(node, "out32 cf8 8000f860 in8 cfc")
    expect(door(node, "out32 cf8 8000f860 out8 cfc b in8 cfc") == "b", "PIRQA not written")
    expect(door(node, f"write8 b00f8060 {old} out32 cf8 8000f860 in8 cfc") == old, "nor back")


@case(timeout=300)
def test_kvmvapic():
    "QEMU's helper for 32-bit Windows writes memory by itself: without the Core, not above it."
    options = {"name": "vapic", "memory": "1G", **NODE}  # 32 bits reach all of it
    roads = ("vapic_port", "vapic_tpr")
    with Node(plain=True, **options) as node:
        for road in roads:
            state, added = node.check(f"{DOOR} {road} 0").split()
            expect(added == "1234", f"control: {road} added {added}: nothing is proven")
    with Node(**options) as node:
        for road in roads:
            n = counted(node)
            added = node.check(f"{DOOR} {road} {state}").split()[1]
            expect(added == "0", f"{road} added {added}")
            expect(counted(node) > n, f"{road}: writes to the option ROM are not counted")
        for order in ("out16 7e 0", "out8 7e 0", "out32 7e 0", "out16 7d 0", "outs16 7e 0 1"):
            door(node, order)
        expect(door(node, "in8 7e") == "ff", "its port is there")


def test_smm_memory(node):
    "SMM's memory is closed, and locked so."
    before = door(node, "out32 cf8 8000009c in8 cfd")
    expect(int(before, 16) & 0x50 == 0x10, "not closed and locked", before)
    expect(door(node, "out32 cf8 8000009c out8 cfd 4a in8 cfd") == before, "it can be opened")
    expect(door(node, "write8 b000009d 4a out32 cf8 8000009c in8 cfd") == before, "nor so")


def test_ioapic(node):
    "No I/O APIC entry with SMI, INIT or SIPI; others as ever. Odd widths and aliases are refused."
    entry = "write32 fec00000 3c "  # low half of entry 22
    look = entry + "read32 fec00010"
    was = door(node, look)
    orders = [f"{entry}write32 fec00010 10{mode}32" for mode in (2, 3, 5, 6)]
    orders += [entry + "write8 fec00011 2", entry + "write16 fec00010 232",
               entry + "write64 fec00010 10232", entry + "write32 fec00110 10232",
               entry + "write32 fec00014 10232"]
    without_effect(node, orders, look)
    for mode in (0, 1, 4, 7):
        n = counted(node)
        now = door(node, f"{entry}write32 fec00010 10{mode}32 read32 fec00010")
        expect(now == f"10{mode}32", f"mode {mode} does not arrive", now)
        expect(counted(node) == n, f"mode {mode} is refused")
    door(node, f"{entry}write32 fec00010 {was}")


def test_hpet(node):
    "No timer of the HPET sends messages, which can be writes to any address."
    orders = ["write32 fed00140 4104", "write64 fed00140 4104", "write8 fed00141 41",
              "write32 fed00150 1234", "write32 fed00154 10000000", "write64 fed00150 1000000012345678"]
    config = without_effect(node, orders, "read32 fed00140")
    expect(not int(config, 16) & 0x4000, "it sends messages already", config)
    expect(door(node, "write32 fed00148 7654321 read32 fed00148") == "7654321",
           "the comparator is not written")


MSR_REFUSED = {  # change, which the CPU answers with #GP
    "c0010010": 1 << 18, "c0010016": 1 << 4, "c0010019": 1 << 11, "c001001a": 1 << 23,
    "c001001d": 1 << 23, "c0010058": 1, "c0010015": 1 << 18, "c0010111": 1 << 17, "c0010112": 1,
    "c0010113": 1, "c0010050": 1, "c0010056": 1, "c0010114": 1 << 4, "1b": 1 << 20, "10": 1 << 40,
    "1d9": 1, "11": 1, "12": 1, "c000010e": 1, "c000010f": 1 << 6, "c0010300": 1, "c001031f": 1,
    "c0011002": 1, "c0011004": 1 << 62, "c0010022": 1 << 8, "c0010074": 1}
MSR_SWALLOWED = ["200", "201", "20f", "250", "258", "259", "268", "26f", "2ff"]


def test_msrs(node):
    "MSRs that move memory or change how it is cached stay as they are."
    node.check("modprobe msr")
    for msr, bits in MSR_REFUSED.items():
        old = door(node, f"rdmsr {msr}")
        old = 0 if old == "refused" else int(old, 16)
        n = counted(node)
        expect(door(node, f"wrmsr {msr} {old ^ bits:x}") == "refused", f"MSR {msr} was written")
        expect(counted(node) > n, f"MSR {msr} is not counted")
    for msr in MSR_SWALLOWED:
        old = door(node, f"rdmsr {msr}")
        door(node, f"wrmsr {msr} {int(old, 16) ^ 0x1001 if msr < '250' else 0x0606060606060606:x}")
        expect(door(node, f"rdmsr {msr}") == old, f"MSR {msr} was changed")
    n = counted(node)
    door(node, "wrmsr c0010020 100000")
    expect(counted(node) > n, "a microcode update is not counted")


def test_clean_boot(node):
    "None of this disturbs Linux: no fault, no failed access in its log."
    log = node.check("dmesg")
    found = re.findall(r".*(?:unchecked MSR|general protection|WARNING:|BUG:|Oops).*", log)
    expect(not found, "Linux complains", *found)


@case(timeout=300)
def test_log_on_com2():
    "Where the Core logs to COM2, the host has none."
    with Node(name="com2", core_args="log=com2",
              extra=("-chardev", "file,id=com2,path=com2.log", "-serial", "chardev:com2")) as node:
        path = node.machine.run_dir / "com2.log"
        expect("Cloister Core" in path.read_text(errors="replace"), "the Core does not log there")
        expect(door(node, "in8 2fd") == "ff", "the line status reads")
        for width in (8, 16, 32):
            door(node, f"out{width} 2f8 {0x5a5a5a5a & ((1 << width) - 1):x} "
                       f"outs{width} 2f8 {0x5a5a5a5a & ((1 << width) - 1):x} 4")
        door(node, "out16 2f7 5a5a out32 2f5 5a5a5a5a")
        expect("ZZ" not in path.read_text(errors="replace"), "the host writes to it")
