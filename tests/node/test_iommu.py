# SPDX-License-Identifier: Apache-2.0
"""Devices that the host's root has attack memory, with an IOMMU and, as the control, without one.

The device is QEMU's `edu`, driven by tests/node/programs/dma (cl-dma). What memory holds, and which
frames are OPEN, SEALED or the Core's, is seen from outside the machine.
"""
import os
import re
import time

import zones
from case import case, expect
from zones import NODE as PORTS

from frames import CORE, OPEN, SEALED, FrameTable, location

DMA = "/usr/lib/cloister-tests/cl-dma"
EDU = ["-device", "edu,dma_mask=0xffffffffffffffff"]
# For /dev/mem on device registers; Linux would say that they are the MMCONFIG driver's.
RELAXED = "iomem=relaxed"
WITH = {**PORTS, "iommu": True, "extra": EDU, "append": RELAXED}
WITHOUT = {**PORTS, "extra": EDU, "append": RELAXED}
BARE = {"plain": True, "iommu": True, "extra": EDU, "append": f"{RELAXED} amd_iommu=off"}
NODE = WITH

PAGE = 4096
# Of AMD's specification, section 3.4; where QEMU puts them.
REGISTERS = 0xfed80000
CONTROL, FEATURES = REGISTERS + 0x18, REGISTERS + 0x30
FUNCTION = 0x08  # 00:01.0
SAMPLE, AT = 512, 1024  # bytes that a device is told to copy, and where in the page
CANARY_BYTES = 1 << 20
# The window is smaller than the launch image, and nothing idles out of it.
WINDOW, IDLE = 8192, 600000


def from_outside(node, address, size):
    path = node.machine.run_dir / "memory"
    node.save_memory(path, address, size)
    data = path.read_bytes()
    path.unlink()
    return data


def frame_table(node):
    return FrameTable(from_outside(node, *location(node.core_log().text())))


def register(node, address):
    """As the IOMMU itself holds it."""
    return int(node.monitor(f"xp /1gx {address:#x}").split(":")[1], 16)


def blocked(node):
    return zones.core(node)["dma_blocked"]


def device_reads(node, address):
    return bytes.fromhex(node.check(f"{DMA} read {address:#x} {SAMPLE}"))


def device_writes(node, address, data):
    node.check(f"{DMA} write {address:#x} {data.hex()}")


def start(node):
    """A zone with more in it than its window holds; the canary, and Redis."""
    if "dma" not in node.check("cloister ps"):
        (_, redis), (_, report) = zones.PORTS["redis"], zones.PORTS["redis-report"]
        begin = time.monotonic()
        node.check(f"cloister run --name dma --window {WINDOW} --idle {IDLE} "
                   f"--publish 0.0.0.0:{redis}:6379 --publish 0.0.0.0:{report}:7443 "
                   f"{zones.REDIS_IN_NODE}", timeout=300)
        print(f"    cloister run: {time.monotonic() - begin:.1f} s")
    zones.PORTS["dma"] = zones.PORTS["redis"]
    client = zones.connect(node, "dma")
    canary = os.urandom(CANARY_BYTES)
    for i in range(8):
        expect(client.command("SET", f"filler{i}", os.urandom(CANARY_BYTES)) == b"OK", "SET")
    expect(client.command("SET", "canary", canary) == b"OK", "SET")
    return client, canary


class Targets:
    """One page of each kind: its address, and what it holds there."""

    def __init__(self, node, canary):
        info = zones.core(node)
        self.node = node
        table = frame_table(node)
        expect(table.frames[OPEN] and table.frames[SEALED], "no zone pages")
        # In use, and full of other things than zeros: the frame table itself.
        self.core = location(node.core_log().text())[0]
        # The pool's last page is the last one to be taken.
        self.core_free = info["core_base"] + info["core_bytes"] - PAGE
        self.sealed = table.frames[SEALED][len(table.frames[SEALED]) // 2] * PAGE
        # Plaintext that can be recognised, among the newest pages.
        self.open = None
        for frame in table.frames[OPEN]:
            if self.sample(frame * PAGE) in canary:
                self.open = frame * PAGE
                break
        expect(self.open, "no OPEN page holds the canary")

    def sample(self, address):
        return from_outside(self.node, address + AT, SAMPLE)

    def holds(self, address, state):
        return address // PAGE in frame_table(self.node).frames[state]


def report(node, *options):
    return zones.cloister("verify", "--json", "--report-port", zones.PORTS["redis-report"][0],
                          "--core-key", zones.core_key(node), "--timeout", 120, *options,
                          "127.0.0.1")


def attack(node, targets, name, address, state, works):
    """Have the device read and write there."""
    marker = os.urandom(SAMPLE)
    before = targets.sample(address)
    expect(any(before) or address == targets.core_free, f"{name}: nothing to read there")
    got = device_reads(node, address + AT)
    device_writes(node, address + AT, marker)
    after = targets.sample(address)
    expect(targets.holds(address, state), f"{name}: the frame is another one's by now")
    if works:
        expect(got == before, f"{name}: the device did not read it", got[:32].hex())
        expect(after == marker, f"{name}: the device did not write it")
    else:
        expect(not any(got), f"{name}: the device read something", got[:32].hex())
        expect(after == before, f"{name}: it has changed")


@case(node=WITH)
def test_host_does_not_see_it(node):
    "No IVRS, no PCI function, no driver; the node works, and devices with it."
    expect(re.search(r"iommu: amd-vi at 0xfed80000, on", node.core_log().text()), "not on",
           node.core_log().tail())
    tables = node.check("ls /sys/firmware/acpi/tables").split()
    expect("IVRS" not in tables and "NONE" in tables, "ACPI", tables)
    expect("0000:00:01.0" not in node.check("ls /sys/bus/pci/devices").split(), "PCI function")
    said = node.check("dmesg").splitlines()
    # What amd_iommu_v2 says on any machine where it finds nothing.
    said = [line for line in said if re.search("AMD-Vi|IVRS", line) and "not available" not in line]
    expect(not said, "Linux found it", said)
    expect(node.check("ls /sys/class/iommu").strip() == "", "Linux has one")
    expect(re.search(r"0x[0-9a-f]+ 2048 bytes", node.check(f"{DMA} own")), "edu does no DMA")
    expect(zones.core(node)["iommu"] == "amd-vi", "core info")


@case(node=WITH, timeout=600)
def test_device_memory_access_is_blocked(node):
    "A device reads and writes neither the Core's memory nor OPEN or SEALED frames; it is logged."
    client, canary = start(node)
    targets, log = Targets(node, canary), node.core_log()
    log.position = len(log.text())
    for name, address, state in (("Core", targets.core, CORE),
                                 ("free Core page", targets.core_free, CORE),
                                 ("SEALED", targets.sealed, SEALED), ("OPEN", targets.open, OPEN)):
        count = blocked(node)
        attack(node, targets, name, address, state, False)
        expect(blocked(node) > count, f"{name}: not counted")
        log.wait_for(r"iommu: DMA blocked", 10)
    node.check(f"{DMA} own")
    expect(client.command("GET", "canary") == canary, "the data have changed")
    for i in range(8):
        expect(len(client.command("GET", f"filler{i}")) == CANARY_BYTES, "the data are lost")
    client.close()


@case(node=WITH, timeout=600)
def test_report_says_amd_vi(node):
    "The report says amd-vi; a verifier that requires an IOMMU is content."
    start(node)[0].close()
    done = report(node, "--require-iommu")
    expect(done.returncode == 3 and '"iommu": "amd-vi"' in done.stdout, "report", done.stdout)


@case(node=WITH, timeout=600)
def test_frames_come_back_to_devices(node):
    "After a zone's end devices reach what were its frames, in large pages again."
    client, canary = start(node)
    client.close()
    table = frame_table(node)
    frames = [table.frames[OPEN][i * len(table.frames[OPEN]) // 8] for i in range(8)]
    node.check("cloister stop dma")
    node.check("until cloister core info | grep -q '0 live'; do sleep 0.2; done")
    count, reached = blocked(node), 0
    for frame in frames:
        before = from_outside(node, frame * PAGE, SAMPLE)
        got = device_reads(node, frame * PAGE)
        # The host may be using it by now.
        reached += got in (before, from_outside(node, frame * PAGE, SAMPLE))
    expect(reached >= 6, f"{reached} of 8 frames")
    expect(blocked(node) == count, "blocked")


@case(node=WITH)
def test_iommu_is_out_of_reach(node):
    "Its registers and its configuration space lead nowhere, for the CPU and for devices."
    control = register(node, CONTROL)
    expect(control & 1, "it is not on", hex(control))
    expect(int(node.check(f"{DMA} mmio {FEATURES:#x}"), 16) != register(node, FEATURES),
           "registers are readable")
    node.check(f"{DMA} mmio {CONTROL:#x} 0")
    expect(register(node, CONTROL) == control, "a CPU wrote its registers")
    count = blocked(node)
    device_writes(node, CONTROL, bytes(8))
    expect(register(node, CONTROL) == control, "a device wrote its registers")
    expect(blocked(node) > count, "not counted")
    refused = zones.core(node)["refused"]
    words = node.check(f"{DMA} config {FUNCTION:#x}").split()
    expect(len(words) == 64 and set(words) == {"ffffffff"}, "configuration space", words)
    expect(zones.core(node)["refused"] >= refused + 3 * 64, "writes to it are not counted")
    node.core_log().wait_for("write to the IOMMU's configuration space refused", 10)
    # Another function is there as ever, and so is what the host has set in it.
    expect(node.check(f"{DMA} config 0xf8").startswith("29188086"), "the ISA bridge is gone")
    # By memory: PCI configuration space at 0xb0000000 on this machine.
    mapped = int(node.check(f"{DMA} mmio {0xb0000000 + (FUNCTION << 12):#x}"), 16)
    expect(mapped & 0xffff != 0x1022, "configuration space in memory", hex(mapped))
    expect(int(node.check(f"{DMA} mmio 0xb00f8000"), 16) & 0xffffffff == 0x29188086, "and others")


@case(node=WITHOUT, timeout=600, dirty=True)
def test_control_without_iommu(node):
    "The control: without an IOMMU the same device reads and writes all of it. Reports say `none`."
    client, canary = start(node)
    expect(zones.core(node)["iommu"] == "none", "core info")
    done = report(node, "--require-iommu")
    expect(done.returncode == 1 and '"iommu": "none"' in done.stdout, "report", done.stdout)
    targets = Targets(node, canary)
    for name, address, state in (("Core", targets.core_free, CORE),
                                 ("SEALED", targets.sealed, SEALED), ("OPEN", targets.open, OPEN)):
        attack(node, targets, name, address, state, True)
    expect(targets.sample(targets.core) == device_reads(node, targets.core + AT),
           "the device did not read the Core's memory")
    expect(blocked(node) == 0, "blocked")
    client.close()


@case(node=BARE, dirty=True)
def test_control_without_core(node):
    "The control: without the Core the host sees the IOMMU, and switches it on and off."
    expect("IVRS" in node.check("ls /sys/firmware/acpi/tables").split(), "no IVRS")
    expect("0000:00:01.0" in node.check("ls /sys/bus/pci/devices").split(), "no PCI function")
    expect(int(node.check(f"{DMA} mmio {FEATURES:#x}"), 16) == register(node, FEATURES),
           "registers are not readable")
    for value in (1, 0):
        node.check(f"{DMA} mmio {CONTROL:#x} {value}")
        expect(register(node, CONTROL) & 1 == value, "registers cannot be written")
    words = node.check(f"{DMA} config {FUNCTION:#x}").split()
    expect(words[0].endswith("1022"), "configuration space", words)
