# SPDX-License-Identifier: Apache-2.0
"""`cloister node install` on a machine with UEFI, a TPM and an IOMMU: from Debian to the Core and back.

The node's root is made anew at each boot, so what a real machine would keep on its disk (/etc, /boot,
/var/lib/cloister) is carried from boot to boot here. The EFI system partition, the firmware's
variables and the TPM are one disk, one flash and one TPM throughout.
"""
import contextlib
import json
import subprocess
import tempfile
from pathlib import Path

from case import case, expect
from machine import BUILD, KERNEL_ARGS, QUIET_ARGS, ROOT
from node import Node
from test_measured import LOG, image_digest, pcrs, wanted_pcr4, wanted_pcr8
from tcglog import EV_EFI_BOOT_SERVICES_APPLICATION, parse

CARRIED = "etc boot var/lib/cloister/install"
VENDOR = b"not really a shim\n" * 100


class Real:
    """A machine that Debian is installed on: `debian()` boots that, `core()` what is installed."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.state, self.disk = self.directory / "state", self.directory / "esp.img"
        self.kept = None
        tree = self.directory / "tree"
        (tree / "EFI/debian").mkdir(parents=True)
        (tree / "EFI/debian/shimx64.efi").write_bytes(VENDOR)
        subprocess.run([ROOT / "node/esp-image", self.disk, tree], check=True)

    def debian(self):
        # Behind the disks of the node's root.
        disk = ["-drive", f"file={self.disk},if=none,id=esp,format=raw",
                "-device", "virtio-blk-pci,drive=esp,iommu_platform=on,disable-legacy=on"]
        return self._up(plain=True, boot="grub-uefi", tpm=True, extra=disk)

    def core(self):
        return self._up(boot="measured", boot_disk=self.disk)

    @contextlib.contextmanager
    def _up(self, **options):
        with Node(name="install", iommu=True, state=self.state, **options) as node:
            if self.kept:
                node.check("tar -C / -xf -", input=self.kept)
            node.check("mkdir -p /boot/efi && "
                       "mount -t vfat $(blkid -t TYPE=vfat -o device | head -n 1) /boot/efi")
            yield node

    def down(self, node):
        """What is on the root's disk stays; the rest goes with the power."""
        self.kept = node.run(f"cd / && tar --exclude=boot/efi -cf - $(ls -d {CARRIED})").out_bytes
        node.check("umount /boot/efi && sync")


def prepare(node):
    """What Debian's installer would have left of a kernel."""
    version = node.check("uname -r").strip()
    node.put(BUILD / "node/initrd", f"/boot/initrd.img-{version}")
    node.put(b"/dev/vda / squashfs ro 0 0\n", "/etc/fstab")
    node.check("mkdir -p /etc/default")
    node.put(f'GRUB_CMDLINE_LINUX="{KERNEL_ARGS}"\nGRUB_CMDLINE_LINUX_DEFAULT="{QUIET_ARGS}"\n'
             .encode(), "/etc/default/grub")
    return version


def files(node):
    """Names, modes and contents of what the machine keeps, and the firmware's boot entries."""
    return (node.check("cd / && find etc boot var/lib/cloister -printf '%p %M %l\\n' | sort && "
                       "find etc boot var/lib/cloister -type f ! -path '*/images/*' -print0 | "
                       "sort -z | xargs -0 sha256sum"),
            sorted(line for line in node.check("efibootmgr").splitlines()
                   if line.startswith("Boot0")))


@case(timeout=900, long=True)
def test_install():
    "Check, install, boot the Core measured by the new boot entry, update the kernel, uninstall."
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        real = Real(directory)
        with real.debian() as node:
            version = prepare(node)
            before = files(node)
            rc, out, _ = node.run("cloister node check --json")
            found = {c["name"]: c for c in json.loads(out)["checks"]}
            for name in ("cpu", "iommu", "tpm", "firmware", "secure-boot", "esp", "kernel"):
                expect(found[name]["state"] == "ok", f"check of {name}", found[name])
            expect(rc == 3, "check's status with little memory and no masked suspend", rc, out)
            expect(files(node) == before, "check changed something")
            said = node.check("cloister node install --first")
            expect(image_digest(BUILD / "boot/cloister.efi").hex() in said, "the digest", said)
            expect(node.check("cat /boot/efi/EFI/debian/shimx64.efi").encode() == VENDOR, "the ESP")
            installed = files(node)
            expect(set(before[1]) < set(installed[1]), "boot entries", before[1], installed[1])
            node.check("cloister node install")
            expect(files(node) == installed, "a second installation changed something")
            real.down(node)

        with real.core() as node:
            info = json.loads(node.check("cloister core info --json"))
            expect(info["root"] == "tpm", "the Core's root", info)
            words = node.check("cat /proc/cmdline").strip().removeprefix("vmlinuz ")
            expect(words == f"root=/dev/vda ro {KERNEL_ARGS} {QUIET_ARGS}", "arguments", words)
            got = pcrs(node)
            digest = image_digest(BUILD / "boot/cloister.efi")
            events = parse(node.run(LOG).out_bytes)
            expect([e.digest for e in events if e.kind == EV_EFI_BOOT_SERVICES_APPLICATION and
                    e.pcr == 4] == [digest], "applications that were started")
            expect(got[4] == wanted_pcr4(digest), "PCR 4", got[4].hex())
            expect(got[8] == wanted_pcr8(words), "PCR 8", got[8].hex())
            # A kernel package's work, above the Core, where the firmware is out of reach.
            node.check(f"cp /boot/vmlinuz-{version} /boot/vmlinuz-99-test && "
                       f"cp /boot/initrd.img-{version} /boot/initrd.img-99-test && "
                       "run-parts --arg=99-test /etc/kernel/postinst.d")
            expect(node.check("ls /boot/efi/cloister").split() ==
                   ["host.env", "initrd-99-test", "vmlinuz-99-test"], "the ESP after an update")
            rc, _, err = node.run("cloister node install --first")
            expect(rc == 1 and "out of reach" in err, "--first above the Core", rc, err)
            rc, _, err = node.run("cloister node uninstall")
            expect(rc == 1 and "out of reach" in err, "uninstall above the Core", rc, err)
            node.check("rm /boot/*-99-test")
            real.down(node)

        with real.core() as node:
            expect("vmlinuz-99-test" in node.check("cat /boot/efi/cloister/host.env"), "host.env")
            real.down(node)

        with real.debian() as node:
            node.check("cloister node uninstall")
            expect(files(node) == before, "not everything is as it was", before, files(node))
            rc, _, err = node.run("cloister node uninstall")
            expect(rc == 1 and "nothing is installed" in err, "a second uninstall", rc, err)
