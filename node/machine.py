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
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD

# What the host's kernel is told.
#  tsc=reliable: the emulator's TSC runs evenly, but does not say so in CPUID; without this Linux
#    reads the HPET instead, an emulated device, for every time stamp.
KERNEL_ARGS = "console=ttyS0,115200 net.ifnames=0 tsc=reliable"
# No devices that nobody needs. AHCI above all: QEMU's keeps what its ports' lists lead to mapped
# until the port is stopped, whatever the IOMMU has been told since.
MACHINE = "q35,sata=off,smbus=off,vmport=off"
QUIET_ARGS = "quiet systemd.show_status=false"

# Its modules are not in the first package, and not wanted.
QEMU_13 = ("qemu-system-x86", "qemu-system-data", "seabios")

OVMF = (("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
        ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"))


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


def need(path, how):
    path = Path(path)
    if not path.exists():
        raise NodeError(f"{os.path.relpath(path, ROOT)} is missing; {how}")
    return path


def die_with_parent():
    """In the child: end when the thread that started it ends, however that happens."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Tpm:
    """A software TPM for a machine: swtpm, with its state in a directory that may be kept, for as
    long as the machine runs. Its EK certificate is issued by a CA of this build tree."""

    SOCKET = "tpm.sock"
    QEMU = ("-chardev", f"socket,id=tpm,path={SOCKET}", "-tpmdev", "emulator,id=tpm,chardev=tpm",
            "-device", "tpm-crb,tpmdev=tpm")

    def __init__(self, run_dir, state, ca=BUILD / "cache/tpm-ca"):
        self.run_dir, self.state, self.ca = Path(run_dir), Path(state).resolve(), Path(ca)
        self.process = None

    def _make(self):
        """As a factory does it."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.ca.mkdir(parents=True, exist_ok=True)
        setup, localca, options = (self.state / f"{n}.conf" for n in ("setup", "localca", "options"))
        setup.write_text(f"create_certs_tool = {shutil.which('swtpm_localca')}\n"
                         f"create_certs_tool_config = {localca}\n"
                         f"create_certs_tool_options = {options}\n")
        localca.write_text("".join(f"{key} = {self.ca / file}\n" for key, file in (
            ("statedir", ""), ("signingkey", "signkey.pem"), ("issuercert", "issuercert.pem"),
            ("certserial", "certserial"))))
        options.write_text("--platform-manufacturer Cloister\n--platform-version 1\n"
                           "--platform-model node\n")
        made = subprocess.run(
            ["swtpm_setup", "--tpm2", "--tpmstate", self.state, "--config", setup,
             "--create-ek-cert", "--create-platform-cert", "--pcr-banks", "sha256",
             "--lock-nvram", "--not-overwrite"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            raise NodeError(f"cannot make a TPM: swtpm_setup said: {made.stdout.strip()[-500:]}")

    def start(self):
        if not (self.state / "tpm2-00.permall").exists():
            self._make()
        # A connection that ends ends it, too: QEMU's.
        with open(self.run_dir / "swtpm.log", "wb") as log:
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}", "--ctrl",
                 f"type=unixio,path={self.SOCKET}", "--terminate"], cwd=self.run_dir,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
        end = time.monotonic() + 10
        while not (self.run_dir / self.SOCKET).exists():
            if self.process.poll() is not None or time.monotonic() > end:
                said = (self.run_dir / "swtpm.log").read_text(errors="replace").strip()[-500:]
                raise NodeError(f"the TPM did not start: {said or 'swtpm said nothing'}")
            time.sleep(0.02)

    def stop(self):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.terminate()  # it has stored its state at each change
            self.process.wait()
            self.process = None
        (self.run_dir / self.SOCKET).unlink(missing_ok=True)


def double_commas(text):
    """QEMU splits -initrd and option values at commas; a doubled one stands for itself."""
    return str(text).replace(",", ",,")


class Machine:
    """One QEMU process. Files of a run are in run_dir: console.log, core.log, qemu.log and, while
    it runs, the sockets console.sock, agent.sock, qmp.sock and monitor.sock."""

    SOCKETS = ("console.sock", "agent.sock", "qmp.sock", "monitor.sock")

    def __init__(self, name="node", plain=False, boot="direct", memory="3G", smp=2, cpu="max,-la57",
                 forward=(), append="", core_args="", verbose=False, gdb=None, trace=None,
                 run_dir=None, extra=(), core=None, iommu=False, newer_qemu=False,
                 threads="single", tpm=False, state=None):
        self.plain, self.boot = plain, boot
        self.memory, self.smp, self.cpu = memory, smp, cpu
        self.forward = [(int(h), int(g)) for h, g in forward]
        self.kernel_args = " ".join(
            a for a in (KERNEL_ARGS, "" if verbose else QUIET_ARGS, append) if a)
        self.core_args = core_args
        self.gdb, self.trace, self.extra = gdb, trace, list(extra)
        self.iommu, self.newer_qemu = iommu, newer_qemu
        self.threads = threads  # "multi": true parallelism, for what patches no code of its own
        self.core = Path(core) if core else BUILD / "core/cloister-core.elf"
        self.run_dir = Path(run_dir) if run_dir else BUILD / "run" / name
        # The TPM's state is kept for another machine if it lies in a directory that was given.
        self.state = Path(state) if state else None
        self.tpm = Tpm(self.run_dir, (self.state or self.run_dir) / "tpm") if tpm else None
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
        if self.tpm:
            self.tpm.run_dir = self.run_dir
        self._lock = open(self.run_dir / "lock", "w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            raise NodeError(f"a node runs in {os.path.relpath(self.run_dir)} already; stop it or "
                            "give another --run-dir") from None
        for f in self.SOCKETS + ("console.log", "core.log", "qemu.log", "qemu.err"):
            (self.run_dir / f).unlink(missing_ok=True)
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
            arguments = ["-kernel", str(self.core),
                         "-initrd", f"{double_commas(kernel)},{double_commas(initrd)}"]
            return arguments + (["-append", self.core_args] if self.core_args else [])

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
        if self.boot == "grub-uefi":
            for code, variables in OVMF:
                if os.path.exists(code):
                    break
            else:
                raise NodeError("no UEFI firmware under /usr/share/OVMF; run `make setup`")
            shutil.copyfile(variables, self.run_dir / "efi-vars.fd")
            arguments += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
                          "-drive", "if=pflash,format=raw,unit=1,file=efi-vars.fd"]
        return arguments

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
            *(Tpm.QEMU if self.tpm else ()),
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
            if self.tpm:
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
            if self.state is None and self._lock is not None:
                shutil.rmtree(self.tpm.state, ignore_errors=True)
        if self._lock is not None:
            for f in self.SOCKETS + ("lock", "boot.iso", "efi-vars.fd"):
                (self.run_dir / f).unlink(missing_ok=True)
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
