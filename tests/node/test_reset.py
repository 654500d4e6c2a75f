# SPDX-License-Identifier: Apache-2.0
"""Resets, sleep and power off with a zone alive: what stands in RAM afterwards.

The zone has 100 pages of a canary open; beside it an ordinary guest has 50 pages of the same. QEMU
stops the machine where it would reset, so that its RAM can be read from outside; and in one case a
second system boots and searches by itself.
"""
import json
import re
import subprocess
import sys
import time

from case import case, expect
from machine import BUILD, ROOT
from node import LogFile, Node

sys.path.insert(0, str(ROOT / "demo"))
import corekeys  # noqa: E402

VMM = "/usr/lib/cloister-tests/cl-vmm"
DOOR = "/usr/lib/cloister-tests/cl-door"
CANARY = 0x434c4f4953544552.to_bytes(8, "little")  # PATTERN of programs/guest.h
ZONE_PAGES, GUEST_PAGES = 100, 50
HALTED = "the Core has stopped"
STOPS = {"memory": "512M", "extra": ("-no-shutdown",)}


def canary_pages(dump):
    page, found, at = CANARY * 512, 0, -1
    while True:
        at = dump.find(page, at + 1)
        if at < 0:
            return found
        found += at % 4096 == 0


def look(node, name, secrets=()):
    """(pages of canary, key schedules, known pieces of keys) in all RAM."""
    path = node.machine.run_dir / name
    try:
        node.save_memory(path)
        found = subprocess.run([BUILD / "bin/cl-search", "--keys", path], check=True,
                               stdout=subprocess.PIPE, text=True)
        data = path.read_bytes()
        return (canary_pages(data), json.loads(found.stdout)["schedules"]["found"],
                sum(data.count(piece) for piece in secrets))
    finally:
        path.unlink(missing_ok=True)


def before(node):
    """What of the keys must not be in RAM later; the node is halted meanwhile."""
    node.freeze()
    try:
        pages = look(node, "before")[0]
        expect(pages == ZONE_PAGES + GUEST_PAGES, f"{pages} pages of canary: nothing is proven")
        master = corekeys.master(node)
    finally:
        node.thaw()
    key = corekeys.derive(master, corekeys.PAGES, 1)
    whole = master + key + corekeys.schedule(key)[32:]
    return [whole[i:i + 16] for i in range(0, len(whole), 16)]


def hold(node):
    job = node.popen(f"{VMM} hold")
    job.wait_for("^held$")
    return job


def stopped(node, timeout=60):
    """Waits until QEMU has stopped the machine for a reset or a power off, or the Core halted."""
    end = time.monotonic() + timeout
    while node.qmp("query-status")["status"] != "shutdown" and not (
            HALTED in node.core_log().text()):
        expect(time.monotonic() < end, "the machine did not stop", node.core_log().tail(),
               node.console().tail())
        time.sleep(0.1)


def clean(node, secrets):
    pages, schedules, pieces = look(node, "after", secrets)
    expect(pages == GUEST_PAGES, f"{pages} pages of canary, the ordinary guest has {GUEST_PAGES}")
    expect(schedules == 0 and pieces == 0, f"{schedules} key schedules, {pieces} pieces of keys")
    expect(re.search(f"scrubbed|{HALTED}", node.core_log().text()), "the log says nothing",
           node.core_log().tail())


def road(what, command):
    @case(fresh=True, node=STOPS, timeout=300)
    def test(node):
        hold(node)
        secrets = before(node)
        node.popen(command)
        stopped(node)
        clean(node, secrets)
        expect(HALTED not in node.core_log().text(), "halted", node.core_log().tail())
    test.__doc__ = what
    return test


def sysrq(kind):
    return f"echo {kind} > /sys/kernel/reboot/type && echo b > /proc/sysrq-trigger"


ROADS = {
    "cf9": ("Port 0xcf9.", f"{DOOR} out8 cf9 2 out8 cf9 6"),
    "cf9_in_a_word": ("Port 0xcf9 as the second byte of a word.", f"{DOOR} out16 cf8 600"),
    "keyboard": ("The keyboard controller's reset command.", f"{DOOR} out8 64 fe"),
    "keyboard_pulse": ("Another of its commands that pulse the reset line.", f"{DOOR} out8 64 f2"),
    "port_92": ("Port 0x92, in the middle of four bytes.", f"{DOOR} out32 90 20000 out32 90 30000"),
    "linux_keyboard": ("Linux resets by the keyboard controller.", sysrq("kbd")),
    "linux_acpi": ("Linux resets by ACPI's reset register.", sysrq("acpi")),
    "linux_cf9": ("Linux resets by port 0xcf9.", sysrq("pci")),
    "linux_triple": ("Linux resets by a triple fault.", sysrq("triple")),
    "off": ("Power off by ACPI.", f"{DOOR} out16 604 2000"),
    "linux_off": ("Linux powers off.", "echo o > /proc/sysrq-trigger"),
}

for key, (text, order) in ROADS.items():
    globals()[f"test_{key}"] = road(text, order)


@case(fresh=True, node={**STOPS, "append": "panic=-1"}, timeout=300)
def test_machine_check(node):
    """A machine check: the Core scrubs and halts; or, where the emulator delivers it past the
    intercept, it kills the host's kernel, and the reset of that scrubs."""
    hold(node)
    secrets = before(node)
    # An uncorrected error with corrupt context, at the host: UC, EN, PCC, VAL; MCIP, EIPV.
    node.monitor("mce 0 9 0xb200000000000000 0x6 0 0")
    stopped(node)
    clean(node, secrets)


@case(timeout=300)
def test_sleep(node):
    "S1, S3 and S4 by every width: refused and counted. Linux is told of none. The zone lives on."
    expect(node.check("cat /sys/power/mem_sleep").strip() == "[s2idle]", "Linux offers S3")
    job = hold(node)
    for n, order in enumerate(("out16 604 2400", "out16 604 2800", "out8 605 24", "out32 604 2800",
                               "out16 605 24", "outs16 604 2400 1", "outs8 605 28 3")):
        count = refused(node)
        node.check(f"{DOOR} {order}")
        expect(refused(node) > count, f"{order} is not counted")
        job.write(b"\n")
        job.wait_for(rf"\A(held\s+){{{n + 2}}}")
    job.kill()


def refused(node):
    return json.loads(node.check("cloister core info --json"))["refused"]


def payload_disk(directory):
    disk = directory / "second"
    (disk / "boot/grub").mkdir(parents=True, exist_ok=True)
    (disk / "boot/second.elf").write_bytes((BUILD / "node-tests/second.elf").read_bytes())
    (disk / "boot/grub/grub.cfg").write_text(
        "set timeout=0\nmenuentry second {\n\tmultiboot /boot/second.elf\n}\n")
    iso = directory / "second.iso"
    made = subprocess.run(
        ["grub-mkrescue", f"--output={iso}", "--compress=no", "--locales=", "--fonts=", "--themes=",
         "--install-modules=multiboot normal configfile iso9660 search", disk],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    expect(made.returncode == 0, "grub-mkrescue", made.stdout)
    return iso


@case(timeout=600)
def test_second_boot():
    "A warm reset; then GRUB boots a system without the Core, which searches all RAM."
    with Node(name="second", boot="grub-bios", memory="1G") as node:
        iso = payload_disk(node.machine.run_dir)
        hold(node)
        before(node)
        node.qmp("set-action", reboot="reset")
        node.qmp("blockdev-change-medium", device="boot", filename=str(iso), format="raw",
                 force=True)
        node.popen(f"{DOOR} out8 cf9 6")
        found = LogFile(node.machine.console_log, node).wait_for(
            r"second: canary words (\d+), AES schedules (\d+), KiB searched (\d+)", 300)
        words, schedules, size = map(int, found.groups())
    expect(size > 900 << 10, f"only {size} KiB searched")
    expect(schedules == 1, f"{schedules} schedules: one is the searcher's own")
    # Firmware and GRUB overwrite a part, and copies of the guest's program hold the word too.
    expect(GUEST_PAGES * 256 < words < (GUEST_PAGES + 2) * 512,
           f"{words} words of canary; the ordinary guest had {GUEST_PAGES * 512}")
