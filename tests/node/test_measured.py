# SPDX-License-Identifier: Apache-2.0
"""The measured boot: what ends up in which PCR, what changes it, and that nothing that the host
writes to the EFI system partition makes GRUB run a command of the host's."""
import hashlib
import json
import re
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from case import case, expect
from machine import BUILD, Machine, host_env
from node import LogFile, Node
from tcglog import (EV_EFI_ACTION, EV_EFI_BOOT_SERVICES_APPLICATION, EV_IPL, EV_NO_ACTION, extended,
                    parse, replay)

NODE = {"boot": "measured"}
LOG = "/usr/lib/cloister-tests/cl-boot-log"
IMAGE = BUILD / "boot/cloister.efi"
KERNEL, INITRD = BUILD / "node/vmlinuz", BUILD / "node/initrd"
ZERO = bytes(32)
BOOT_PCRS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)

CALLING = b"Calling EFI Application from Boot Option"


def sha256(data):
    return hashlib.sha256(data).digest()


def image_digest(path):
    said = subprocess.run([BUILD / "boot/pe-digest", path], stdout=subprocess.PIPE, check=True)
    return bytes.fromhex(said.stdout.decode())


def pcrs(node):
    """SHA-256 PCRs as Linux reads them."""
    lines = node.check("cd /sys/class/tpm/tpm0/pcr-sha256 && grep . *").split()
    return {int(n): bytes.fromhex(v) for n, v in (line.split(":") for line in lines)}


def boot_log(node):
    result = node.run(LOG)
    expect(result.rc == 0, "the boot log", result.err)
    return result.out_bytes


def arguments(node):
    """The kernel's, as GRUB was given them: without the file's name."""
    return node.check("cat /proc/cmdline").strip().removeprefix("vmlinuz ")


def wanted_pcr4(image):
    """One application, started from the firmware's boot option: OVMF's events, worked out here."""
    return extended(sha256(CALLING), sha256(bytes(4)), image)


def wanted_pcr8(kernel_arguments):
    return extended(sha256(b"cloister-core"), sha256(f"vmlinuz {kernel_arguments}".encode()),
                    sha256(b"initrd"))


def wanted_pcr9(env, kernel, initrd):
    """Kernel and initrd twice: the config looks whether they are there, then loads them."""
    return extended(*(sha256(x) for x in (env, kernel, initrd, kernel, initrd)))


# ---- what is measured ----


@case(timeout=400)
def test_pcrs(node):
    "PCR 4, 8 and 9 are what image, command lines and files give; nothing else is in them."
    got, words = pcrs(node), arguments(node)
    expect(got[4] == wanted_pcr4(image_digest(IMAGE)), "PCR 4", got[4].hex())
    expect(got[8] == wanted_pcr8(words), "PCR 8", got[8].hex(), words)
    expect(got[9] == wanted_pcr9(host_env(words), KERNEL.read_bytes(), INITRD.read_bytes()),
           "PCR 9", got[9].hex())
    for pcr in (0, 2, 7):
        expect(got[pcr] != ZERO, f"PCR {pcr} is zero")


@case(timeout=400)
def test_log_replays(node):
    "The log that the Core kept gives the PCRs that the TPM has."
    events, got = parse(boot_log(node)), pcrs(node)
    for pcr in BOOT_PCRS:
        expect(replay(events, pcr) == got[pcr], f"PCR {pcr}", replay(events, pcr).hex(),
               got[pcr].hex())


@case(timeout=400)
def test_reference(node):
    "reference.json, the image and the one application event in PCR 4 name the same digest."
    reference = json.loads((BUILD / "boot/reference.json").read_text())
    events = parse(boot_log(node))
    applications = [e.digest for e in events
                    if e.pcr == 4 and e.kind == EV_EFI_BOOT_SERVICES_APPLICATION]
    expect(applications == [bytes.fromhex(reference["boot_image"])], "the application events",
           [a.hex() for a in applications], reference)
    expect(image_digest(IMAGE).hex() == reference["boot_image"], "the image itself")
    commands = [e.data.rstrip(b"\0").decode() for e in events if e.pcr == 8]
    expect([c for c in commands if not c.startswith("module_cmdline: ")] == reference["commands"],
           "commands in PCR 8", commands, reference)
    expect(all(e.kind == EV_IPL for e in events if e.pcr in (8, 9)), "kinds of events")
    info = json.loads(node.check("cloister core info --json"))
    expect(info["version"] == reference["core_version"], "the Core's version", info["version"])
    expect(info["build"] == reference["core_build"], "the Core's build", info["build"])


@case(timeout=400)
def test_log_is_whole(node):
    "The log goes on to the end of the boot services; no event comes from after the Core's start."
    events = parse(boot_log(node))
    expect(events[-1].kind == EV_EFI_ACTION and b"Exit Boot Services" in events[-1].data,
           "the last event", events[-1])
    expect(not [e for e in events if e.kind == EV_NO_ACTION and e.pcr], "events that extend nothing")


# ---- what changes what ----


def differing(one, other):
    return {pcr for pcr in BOOT_PCRS if one[pcr] != other[pcr]}


@case(timeout=600)
def test_kernel_update(node):
    "Another kernel, initrd and arguments of the host change PCR 8 and 9 and nothing else."
    before = pcrs(node)
    kernel, initrd = KERNEL.read_bytes() + bytes(512), INITRD.read_bytes() + bytes(512)
    with Node(name="update", boot="measured", append="panic=7",
              esp={"cloister/vmlinuz": kernel, "cloister/initrd": initrd}) as other:
        now, words = pcrs(other), arguments(other)
    expect("panic=7" in words, "the new argument", words)
    expect(differing(before, now) == {8, 9}, "PCRs that changed", differing(before, now))
    expect(now[8] == wanted_pcr8(words), "PCR 8", now[8].hex())
    expect(now[9] == wanted_pcr9(host_env(words), kernel, initrd), "PCR 9", now[9].hex())


@case(timeout=600)
def test_other_image(node):
    "A boot image with one more argument for the Core: another PCR 4, another command in PCR 8."
    before = pcrs(node)
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        image, reference = Path(directory) / "other.efi", Path(directory) / "reference.json"
        subprocess.run(["boot/build", BUILD / "core/cloister-core.elf", BUILD / "boot/pe-digest",
                        image, reference, "note=other"], check=True)
        digest = image_digest(image)
        expect(digest != image_digest(IMAGE), "the images' digests are the same")
        with Node(name="other", boot="measured", esp={"EFI/BOOT/BOOTX64.EFI": image}) as other:
            now, events = pcrs(other), parse(boot_log(other))
        commands = json.loads(reference.read_text())["commands"]
    expect(now[4] == wanted_pcr4(digest), "PCR 4", now[4].hex())
    expect(differing(before, now) == {4, 8}, "PCRs that changed", differing(before, now))
    expect(commands == ["kernel_cmdline: cloister-core note=other"], "the reference", commands)
    expect(commands[0].encode() in [e.data.rstrip(b"\0") for e in events], "the log's command")


@case(timeout=400)
def test_image_is_reproducible():
    "The same inputs give the same image, whatever the directory and the time."
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        core = Path(directory) / "another-name.elf"
        shutil.copyfile(BUILD / "core/cloister-core.elf", core)
        image = Path(directory) / "again.efi"
        subprocess.run(["boot/build", core, BUILD / "boot/pe-digest", image,
                        Path(directory) / "reference.json"], check=True, umask=0o077)
        expect(image.read_bytes() == IMAGE.read_bytes(), "two builds differ")


@case(timeout=400)
def test_file_systems_of_the_image():
    "Of GRUB's file systems the image has FAT alone: what is in it reads the host's disks, too."
    grub, image = Path("/usr/lib/grub/x86_64-efi"), IMAGE.read_bytes()
    inside = {m.stem for m in grub.glob("*.mod") if m.read_bytes() in image}
    expect({"multiboot2", "memdisk"} <= inside, "modules are not found in the image", inside)
    for kind, wanted in (("fs", {"fat"}), ("partmap", {"part_gpt", "part_msdos"})):
        got = inside & set((grub / f"{kind}.lst").read_text().split())
        expect(got == wanted, f"modules of {kind}.lst", got)


@case(timeout=400)
def test_bios_boot():
    "A BIOS boot works, with a TPM: nothing of GRUB's in PCR 8 and 9, and the Core has no log."
    with Node(name="bios", boot="grub-bios", tpm=True) as node:
        got = pcrs(node)
        expect(got[8] == ZERO and got[9] == ZERO, "PCR 8 and 9", got[8].hex(), got[9].hex())
        expect(got[4] != wanted_pcr4(image_digest(IMAGE)), "PCR 4 is that of a measured boot")
        expect(boot_log(node) == b"", "a log", boot_log(node)[:64])


@case(timeout=600)
def test_restart():
    "With a state directory the next node has the same TPM, disk and PCRs, and a log again."
    # In one write each way: printf's own would end at the newline that is a part of it.
    clock = (r"printf '\200\001\000\000\000\012\000\000\001\201' >/tmp/c && exec 3<>/dev/tpm0 && "
             r"cat /tmp/c >&3 && dd bs=64 count=1 status=none <&3 | od -An -v -tx1 | tr -d ' \n'")

    def resets(node):
        # TPM2_ReadClock: header, time, clock, resetCount
        answer = bytes.fromhex(node.check(clock))
        expect(len(answer) == 35 and answer[6:10] == bytes(4), "TPM2_ReadClock", answer.hex())
        return int.from_bytes(answer[26:30], "big")

    with tempfile.TemporaryDirectory(dir=BUILD) as state:
        with Node(name="restart", boot="measured", state=state) as node:
            first, count = pcrs(node), resets(node)
            node.check("mkdir /mnt/esp && mount /dev/vdc1 /mnt/esp && echo kept >/mnt/esp/note && "
                       "umount /mnt/esp")
        with Node(name="restart", boot="measured", state=state) as node:
            second = pcrs(node)
            expect(resets(node) > count, "the TPM's count of resets", count, resets(node))
            # Its firmware finds its variables and lays memory out anew.
            events = parse(boot_log(node))
            for pcr in BOOT_PCRS:
                expect(replay(events, pcr) == second[pcr], f"PCR {pcr}", second[pcr].hex())
            node.check("mkdir /mnt/esp && mount /dev/vdc1 /mnt/esp && grep -qx kept /mnt/esp/note")
        expect(differing(first, second) <= {1}, "PCRs that changed", differing(first, second))
        expect(first[13] != second[13], "the Core's key is the same after a restart")


# ---- what the host may write ----


def end_of_boot(**esp):
    """A boot that has to end by itself, with someone at the keyboard: the console's text."""
    keys = b"c\x1b\x03\r\nset\rls\r"
    files = {name.replace("__", "/").replace("_dot_", "."): data for name, data in esp.items()}
    with Machine(name="refused", boot="measured", memory="1G", smp=1, esp=files) as machine, \
            machine.connect("console") as console:
        end, text = time.monotonic() + 120, b""
        while machine.running():
            expect(time.monotonic() < end, "it neither booted nor rebooted", text[-3000:])
            if select.select([console], [], [], 0.2)[0]:
                try:
                    chunk = console.recv(65536)
                except ConnectionResetError:  # QEMU ended with keys unread
                    break
                text += chunk
                if not chunk:
                    break
            if b"Welcome to GRUB" in text:
                try:
                    console.sendall(keys)
                except OSError:
                    break
        machine.process.wait(10)
        core = machine.core_log.read_text(errors="replace")
    shown = machine.console_log.read_text(errors="replace")
    expect("Welcome to GRUB" in shown, "GRUB did not start", shown[-2000:])
    expect(core == "", "the Core ran", core)
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown[shown.index("Welcome to GRUB"):])


def refused(**esp):
    """Ends in a reboot, without a prompt, and without what `set` and `ls` would print."""
    shown = end_of_boot(**esp)
    for trace in ("grub rescue>", "grub>", "cmdpath=", "prefix=", "(hd0,gpt1) ", "Minimal BASH",
                  "Press any key"):
        expect(trace not in shown, f"GRUB shows {trace!r}", shown)
    return shown


def env(*lines):
    return "".join(f"{line}\n" for line in ("# GRUB Environment Block",) + lines).encode()


FILES = ("kernel=vmlinuz", "initrd=initrd")


@case(timeout=400)
def test_missing_files():
    "No kernel, no initrd, no host.env: a reboot each."
    refused(cloister__vmlinuz=None)
    refused(cloister__initrd=None)
    refused(cloister__host_dot_env=None)


@case(timeout=400)
def test_broken_env():
    "Not an environment block, an empty one, an empty file: a reboot each."
    refused(cloister__host_dot_env=b"kernel=vmlinuz\ninitrd=initrd\n")
    refused(cloister__host_dot_env=env())
    refused(cloister__host_dot_env=b"")


@case(timeout=500)
def test_names_that_are_commands():
    "File names with separators, newlines, variables and quotes stay file names."
    refused(cloister__host_dot_env=env("kernel=vmlinuz; set; ls", "initrd=initrd"))
    refused(cloister__host_dot_env=env("kernel=vmlinuz\\\nset\\\nls", "initrd=initrd"))
    refused(cloister__host_dot_env=env("kernel=$initrd", "initrd=${kernel}"))
    refused(cloister__host_dot_env=env("kernel=vmlinuz'\" set", "initrd=initrd"))


@case(timeout=500)
def test_other_names():
    "Other variables than kernel, initrd and the arguments are not taken, and no grub.cfg is read."
    shown = refused(
        cloister__host_dot_env=env(
            "root=memdisk", "prefix=(hd0,gpt1)/cloister", "go_fat_fat=set", "k=hd0,gpt1",
            "i=hd0,gpt1", "kfs=fat", "ifs=fat", "reboot=set", "kernel=missing", "initrd=initrd"),
        cloister__grub_dot_cfg=b"set\nls\n", EFI__BOOT__grub_dot_cfg=b"set\nls\n",
        **{"cloister__x86_64-efi__normal_dot_mod": b"not a module"})
    expect("/cloister/missing" in shown, "the message about the file", shown)


@case(timeout=500)
def test_evil_arguments():
    "Arguments that look like GRUB's language reach the kernel as they are, and the boot goes on."
    evil = ("a;set", "$root", "${prefix}", "b=$(ls)", "#c", "(memdisk)/core.elf", "&&", "|ls", "d{}")
    plain = "console=ttyS0,115200 net.ifnames=0 tsc=reliable quiet systemd.show_status=false".split()
    words = [*plain, *evil]
    lines = FILES + tuple(f"a{i:02}={w}" for i, w in enumerate(words)) + (
        "root=(memdisk)", "prefix=(hd0,gpt1)", "go_fat_fat=set", "a64=not-taken", "A00=not-taken")
    with Node(name="evil", boot="measured", esp={"cloister/host.env": env(*lines)}) as node:
        expect(arguments(node) == " ".join(words), "the kernel's arguments", arguments(node))
        expect(pcrs(node)[4] == wanted_pcr4(image_digest(IMAGE)), "PCR 4")
        expect("cmdpath=" not in node.machine.console_log.read_text(errors="replace"), "`set` ran")


@case(timeout=400)
def test_not_a_kernel():
    "A file that is no kernel: the Core says so and stops, and there is no GRUB to go back to."
    with Machine(name="refused", boot="measured", memory="1G", smp=1,
                 esp={"cloister/vmlinuz": b"not a kernel"}) as machine:
        node = Node()
        node.machine = machine
        LogFile(machine.core_log, node).wait_for("the Core cannot start", 120)
