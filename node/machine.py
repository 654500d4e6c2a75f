# SPDX-License-Identifier: Apache-2.0
"""The emulated machine that is the node: its QEMU command line, its run directory, its end.

Used by node/run (a person at a terminal) and by the tests' harness, so that both start the same
machine. Python's standard library only.
"""
import contextlib
import ctypes
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from swtpm import Swtpm, SwtpmError

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD

# What the host's kernel is told.
#  tsc=reliable: the emulator's TSC runs evenly, but does not say so in CPUID; without this Linux
#    reads the HPET instead, an emulated device, for every time stamp.
#  norandmaps: the emulator keeps a translation for each address that code runs at. With libraries
#    elsewhere in each process it translates them again and again, and a page of libc has so many that
#    the host's watchdog barks (soft lockup) when Linux moves the page and clears the frame.
KERNEL_ARGS = "console=ttyS0,115200 net.ifnames=0 tsc=reliable norandmaps"
# No devices that nobody needs. AHCI above all: QEMU's keeps what its ports' lists lead to mapped
# until the port is stopped, whatever the IOMMU has been told since.
MACHINE = "q35,sata=off,smbus=off,vmport=off"
QUIET_ARGS = "quiet systemd.show_status=false"

# Its modules are not in the first package, and not wanted.
QEMU_13 = ("qemu-system-x86", "qemu-system-data", "seabios")

OVMF = (("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
        ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"))


# As many as boot/build gives names to.
ARGUMENTS_MAX = 64


class NodeError(Exception):
    """What failed: why; what to do next."""


ports_given = set()


def free_port():
    """A TCP port of this machine that nobody uses right now, another one at each call. Between the
    call and its use the kernel must not give it to a connection, so none of ip_local_port_range,
    where that leaves any."""
    first = 10000
    last = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if last - first < 1000:
        first, last = 10000, 32768
    choices = list(range(first, last))
    random.shuffle(choices)
    for port in choices:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports_given:
            ports_given.add(port)
            return port
    raise NodeError("this machine has no free TCP port; end some of its servers")


def host_env(kernel_args, kernel="vmlinuz", initrd="initrd"):
    """What a measured boot reads from the ESP (docs/measured-boot.md): one word a variable."""
    words = kernel_args.split()
    if len(words) > ARGUMENTS_MAX or any(c in kernel_args for c in "'\"\\"):
        raise NodeError(f"a measured boot takes at most {ARGUMENTS_MAX} kernel arguments, without "
                        "quotes and backslashes; shorten --append")
    lines = ["# GRUB Environment Block", f"kernel={kernel}", f"initrd={initrd}"]
    lines += [f"a{i:02}={word}" for i, word in enumerate(words)]
    return "".join(line + "\n" for line in lines).encode()


def need(path, how):
    path = Path(path)
    if not path.exists():
        raise NodeError(f"{os.path.relpath(path, ROOT)} is missing; {how}")
    return path


def default_run_dir(name):
    """Of two test runners side by side (tests/node/run) each has its own."""
    return BUILD / "run" / (name + os.environ.get("NODE_LANE", ""))


def die_with_parent():
    """In the child: end when the thread that started it ends, however that happens."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def double_commas(text):
    """QEMU splits -initrd and option values at commas; a doubled one stands for itself."""
    return str(text).replace(",", ",,")


class Machine:
    """One QEMU process. Files of a run are in run_dir: console.log, core.log, qemu.log and, while
    it runs, the sockets console.sock, agent.sock, qmp.sock and monitor.sock.

    measured: UEFI, a TPM and the boot image on an EFI system partition. `esp` replaces files there
    ({"cloister/host.env": bytes or Path; None: no such file}). The TPM, the UEFI variables and that
    disk live in `state`; if it is given they stay, and the next node with it goes on with them.
    `boot_disk` is a whole disk image to boot from instead, `tpm` a TPM for the other ways to boot: True
    or "crb" for one with a command response buffer, "tis" for one with a FIFO.
    """

    SOCKETS = ("console.sock", "agent.sock", "qmp.sock", "monitor.sock")
    STATE = ("boot.iso", "boot.img", "efi-vars.fd")

    def __init__(self, name="node", plain=False, boot="direct", memory="3G", smp=2, cpu="max,-la57",
                 forward=(), append="", core_args="", verbose=False, gdb=None, trace=None,
                 run_dir=None, extra=(), core=None, iommu=False, newer_qemu=False,
                 threads="single", tpm=False, state=None, esp=None, boot_disk=None):
        self.plain, self.boot = plain, boot
        self.memory, self.smp, self.cpu = memory, smp, cpu
        self.forward = [(int(h), int(g)) for h, g in forward]
        self.kernel_args = " ".join(
            a for a in (KERNEL_ARGS, "" if verbose else QUIET_ARGS, append) if a)
        self.gdb, self.trace, self.extra = gdb, trace, list(extra)
        self.iommu, self.newer_qemu = iommu, newer_qemu
        self.threads = threads  # "multi": true parallelism, for what patches no code of its own
        self.core = Path(core) if core else BUILD / "core/cloister-core.elf"
        self.run_dir = Path(run_dir) if run_dir else default_run_dir(name)
        self.esp, self.boot_disk = dict(esp or {}), boot_disk
        self.state = Path(state).absolute() if state else None
        self.tpm = None
        # Its interface, or None.
        self.with_tpm = "crb" if tpm is True or (not tpm and boot == "measured") else tpm or None
        # Without a TPM the Core wants to be told so.
        self.core_args = core_args if self.with_tpm else f"{core_args} tpm=none".strip()
        self.process = None
        self._lock = None

    # -- files ---------------------------------------------------------------------------------

    @property
    def console_log(self):
        return self.run_dir / "console.log"

    @property
    def core_log(self):
        return self.run_dir / "core.log"

    def _take_run_dir(self):
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.run_dir = self.run_dir.resolve()
        self._lock = open(self.run_dir / "lock", "w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            raise NodeError(f"a node runs in {os.path.relpath(self.run_dir)} already; stop it or "
                            "give another --run-dir") from None
        for f in self.SOCKETS + self.STATE + ("console.log", "core.log", "qemu.log", "qemu.err"):
            (self.run_dir / f).unlink(missing_ok=True)
        shutil.rmtree(self.run_dir / "tpm", ignore_errors=True)
        if self.state:
            self.state.mkdir(parents=True, exist_ok=True)
        self.core_log.touch()

    # -- command line --------------------------------------------------------------------------

    def _qemu(self):
        """The machine's own QEMU, or Debian 13's (10, where Debian 12 has 7.2)."""
        if not self.newer_qemu:
            return ["qemu-system-x86_64"]
        got = subprocess.run([ROOT / "scripts/debian13", *QEMU_13], stdout=subprocess.PIPE, text=True)
        if got.returncode:
            raise NodeError("cannot get Debian 13's QEMU (see above)")
        usr = Path(got.stdout.strip()).resolve() / "usr"
        return [str(usr / "lib64/ld-linux-x86-64.so.2"), "--library-path",
                str(usr / "lib/x86_64-linux-gnu"), str(usr / "bin/qemu-system-x86_64"),
                "-L", str(usr / "share/qemu"), "-L", str(usr / "share/seabios")]

    def _virtio(self):
        """Behind an IOMMU virtio devices of QEMU are only if they say so."""
        return ",iommu_platform=on,disable-legacy=on,disable-modern=off" if self.iommu else ""

    def beneath(self, modules):
        """QEMU's arguments for the Core with these Multiboot modules as its host."""
        return ["-kernel", str(self.core), "-initrd", modules, "-append", self.core_args]

    def _boot_arguments(self):
        node = BUILD / "node"
        vmlinuz = need(node / "vmlinuz", "run `make node`")
        initrd = need(node / "initrd", "run `make node`")
        if not self.plain:
            need(self.core, "run `make all`, or use --plain")
        if self.boot == "direct" and self.plain:
            return ["-kernel", str(vmlinuz), "-initrd", str(initrd), "-append", self.kernel_args]
        if self.boot == "direct":
            # Multiboot: the modules are the host's kernel, with its command line, and its initrd.
            kernel = f"{vmlinuz} {self.kernel_args}"
            return self.beneath(f"{double_commas(kernel)},{double_commas(initrd)}")

        if self.boot == "measured":
            return self._measured_arguments(vmlinuz, initrd)
        iso = self.run_dir / "boot.iso"
        command = [str(ROOT / "node/grub-image"), str(iso), str(vmlinuz), str(initrd),
                   self.kernel_args]
        if not self.plain:
            command += [str(self.core), self.core_args]
        made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            raise NodeError(f"cannot make the GRUB image: {made.stdout.strip()[-500:]}")
        arguments = ["-drive", "file=boot.iso,if=none,id=boot,format=raw,media=cdrom,readonly=on",
                     "-device", f"virtio-scsi-pci{self._virtio()}",
                     "-device", "scsi-cd,drive=boot,bootindex=0"]
        return arguments + (self._firmware() if self.boot == "grub-uefi" else [])

    def _firmware(self):
        for code, variables in OVMF:
            if os.path.exists(code):
                break
        else:
            raise NodeError("no UEFI firmware under /usr/share/OVMF; run `make setup`")
        ours = (self.state or self.run_dir) / "efi-vars.fd"
        if not ours.exists():
            shutil.copyfile(variables, ours)
        return ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
                "-drive", f"if=pflash,format=raw,unit=1,file={double_commas(ours)}"]

    def _measured_arguments(self, vmlinuz, initrd):
        disk = self.boot_disk or (self.state or self.run_dir) / "boot.img"
        if not Path(disk).exists():
            self._make_esp(disk, {
                "EFI/BOOT/BOOTX64.EFI": BUILD / "boot/cloister.efi",
                "cloister/vmlinuz": vmlinuz, "cloister/initrd": initrd,
                "cloister/host.env": host_env(self.kernel_args), **self.esp})
        # After the disks of the node's root, which the initrd counts. A given disk is started as
        # the firmware's own variables say.
        first = "" if self.boot_disk else ",bootindex=0"
        return ["-drive", f"file={double_commas(disk)},if=none,id=boot,format=raw",
                "-device", f"virtio-blk-pci,drive=boot{first}{self._virtio()}",
                *self._firmware()]

    def _make_esp(self, disk, files):
        with tempfile.TemporaryDirectory(prefix="esp.", dir=self.run_dir) as tree:
            for name, content in files.items():
                path = Path(tree) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, bytes):
                    path.write_bytes(content)
                elif content is not None:
                    shutil.copyfile(need(content, "run `make all node`"), path)
            made = subprocess.run([ROOT / "node/esp-image", disk, tree], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            raise NodeError(f"cannot make the boot disk: {made.stdout.strip()[-500:]}")

    def command(self):
        """QEMU's arguments. Sockets are named relative to run_dir, where QEMU runs: a socket's
        whole path has to fit in 108 bytes."""
        node = BUILD / "node"
        root = need(node / "root.squashfs", "run `make node`")
        payload = need(node / "payload.squashfs", "run `make node`")
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{h}-:{g}" for h, g in self.forward)

        def chardev(name):
            return f"socket,id={name},path={name}.sock,server=on,wait=off"

        virtio = self._virtio()

        def disk(name, path):
            return ["-drive", f"file={double_commas(path)},if=none,id={name},format=raw,"
                              "readonly=on,file.locking=off",
                    "-device", f"virtio-blk-pci,drive={name}{virtio}"]

        arguments = [
            *self._qemu(), "-name", "cloister-node",
            "-accel", f"tcg,thread={self.threads}", "-machine", MACHINE, "-cpu", self.cpu,
            "-smp", str(self.smp), "-m", str(self.memory),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-chardev", chardev("console") + ",logfile=console.log", "-serial", "chardev:console",
            "-debugcon", "file:core.log",
            "-chardev", chardev("monitor"), "-mon", "chardev=monitor,mode=readline",
            "-chardev", chardev("qmp"), "-mon", "chardev=qmp,mode=control",
            *(("-device", "amd-iommu") if self.iommu else ()),
            *(Swtpm.qemu(self.with_tpm) if self.with_tpm else ()),
            *disk("root", root.resolve()), *disk("payload", payload.resolve()),
            "-netdev", "user,id=net" + forwards,
            "-device", f"virtio-net-pci,netdev=net,romfile={virtio}",
            "-device", f"virtio-serial-pci{virtio}", "-chardev", chardev("agent"),
            "-device", "virtserialport,chardev=agent,name=cloister.agent",
            *self._boot_arguments(),
        ]
        if self.gdb:
            arguments += ["-gdb", f"tcp:127.0.0.1:{self.gdb}", "-S"]
        if self.trace:
            arguments += ["-d", self.trace, "-D", "qemu.log"]
        return arguments + self.extra

    # -- life ----------------------------------------------------------------------------------

    def start(self):
        self._take_run_dir()
        try:
            arguments = self.command()
            if self.with_tpm:
                self.tpm = Swtpm(self.run_dir, (self.state or self.run_dir) / "tpm",
                                 BUILD / "cache/tpm-ca")
                self.tpm.start()
            with open(self.run_dir / "qemu.err", "wb") as err:
                self.process = subprocess.Popen(
                    arguments, cwd=self.run_dir, stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                    preexec_fn=die_with_parent)
            # QMP greets when QEMU has taken its whole command line and runs.
            while not self._greets():
                if self.process.poll() is not None:
                    raise NodeError(f"QEMU did not start: {self.errors()}")
                time.sleep(0.02)
            return self
        except FileNotFoundError as e:
            self.stop()
            raise NodeError(f"{e.filename} is missing; run `make setup`") from None
        except SwtpmError as e:
            self.stop()
            raise NodeError(str(e)) from None
        except BaseException:
            self.stop()
            raise

    def _greets(self):
        try:
            with self.connect("qmp") as s:
                return bool(s.recv(1))
        except OSError:
            return False

    def errors(self):
        """What QEMU had to say."""
        text = (self.run_dir / "qemu.err").read_text(errors="replace").strip()
        return text[-1000:] or "it said nothing"

    def running(self):
        return self.process is not None and self.process.poll() is None

    def connect(self, name):
        """A connected socket NAME.sock, whatever the length of run_dir's path."""
        directory = os.open(self.run_dir, os.O_PATH | os.O_DIRECTORY)
        try:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(f"/proc/self/fd/{directory}/{name}.sock")
            except OSError:
                s.close()
                raise
            return s
        finally:
            os.close(directory)

    def stop(self):
        """Kills QEMU and removes what only makes sense while it runs. Logs stay."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
        if self.tpm is not None:
            self.tpm.stop()
            self.tpm = None
        if self._lock is not None:
            for f in self.SOCKETS + ("lock",) + self.STATE:
                (self.run_dir / f).unlink(missing_ok=True)
            shutil.rmtree(self.run_dir / "tpm", ignore_errors=True)
            self._lock.close()
            self._lock = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


@contextlib.contextmanager
def signals_as_exit():
    """SIGTERM and SIGHUP end the program as Ctrl-C does, so that everything is cleaned up."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    saved = {s: signal.signal(s, leave) for s in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)
