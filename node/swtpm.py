# SPDX-License-Identifier: Apache-2.0
"""A software TPM 2.0 for the node: swtpm, its state in a directory, its life that of the machine.

Its endorsement key is certified by a CA that is made on this machine (build/cache/tpm-ca): only a
policy that accepts test TPMs may believe it. Python's standard library only.
"""
import ctypes
import fcntl
import shutil
import signal
import subprocess
import time
from pathlib import Path

# What verifiers have to be given as the root of these TPMs.
CA_FILES = ("swtpm-localca-rootca-cert.pem", "issuercert.pem")


class SwtpmError(Exception):
    """What failed: why; what to do next."""


def _die_with_parent():
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def manufacture(state, ca):
    """A new TPM: seeds, SHA-256 PCRs, EKs and their certificates. Whole or not at all."""
    ca.mkdir(parents=True, exist_ok=True)
    part = state.with_name(state.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    (ca / "localca.conf").write_text(
        f"statedir = {ca}\nsigningkey = {ca}/signkey.pem\n"
        f"issuercert = {ca}/issuercert.pem\ncertserial = {ca}/certserial\n")
    # The subject of a platform's TPM as TCG has it; what an EK certificate must name.
    (ca / "options").write_text("--platform-manufacturer Cloister\n--platform-version 1\n"
                                "--platform-model emulated-node\n")
    (ca / "setup.conf").write_text(f"create_certs_tool = /usr/bin/swtpm_localca\n"
                                   f"create_certs_tool_config = {ca}/localca.conf\n"
                                   f"create_certs_tool_options = {ca}/options\n")
    # One at a time: the CA hands out serial numbers.
    with open(ca / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(
            ["swtpm_setup", "--tpm2", "--tpmstate", part, "--config", ca / "setup.conf",
             "--create-ek-cert", "--pcr-banks", "sha256", "--logfile", part / "setup.log"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        log = part / "setup.log"
        said = made.stdout + (log.read_text(errors="replace") if log.exists() else "")
        shutil.rmtree(part, ignore_errors=True)
        raise SwtpmError(f"cannot make a software TPM: {said.strip()[-500:]}")
    part.rename(state)


class Swtpm:
    """One swtpm process that serves SOCKET (relative to run_dir) until QEMU leaves it."""

    SOCKET = "tpm.sock"

    @classmethod
    def qemu(cls, interface):
        """QEMU's options for one with this interface: crb or tis."""
        return ["-chardev", f"socket,id=tpm,path={cls.SOCKET}",
                "-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", f"tpm-{interface},tpmdev=tpm"]

    def __init__(self, run_dir, state, ca):
        self.run_dir, self.state, self.ca = Path(run_dir), Path(state), Path(ca)
        self.process = None

    def start(self):
        if not (self.state / "tpm2-00.permall").exists():
            shutil.rmtree(self.state, ignore_errors=True)
            manufacture(self.state.absolute(), self.ca.absolute())
        socket = self.run_dir / self.SOCKET
        socket.unlink(missing_ok=True)
        with open(self.run_dir / "swtpm.log", "wb") as log:
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state.absolute()}",
                 "--ctrl", f"type=unixio,path={self.SOCKET}", "--terminate"],
                cwd=self.run_dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_die_with_parent)
        while not socket.exists():
            if self.process.poll() is not None:
                said = (self.run_dir / "swtpm.log").read_text(errors="replace").strip()
                raise SwtpmError(f"swtpm did not start: {said[-500:] or 'it said nothing'}")
            time.sleep(0.02)

    def stop(self):
        """After QEMU's end, on which swtpm saves its state and leaves by itself."""
        if self.process is None:
            return
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        (self.run_dir / self.SOCKET).unlink(missing_ok=True)
