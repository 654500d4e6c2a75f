# SPDX-License-Identifier: Apache-2.0
"""The node itself, on the bare machine: what every other test stands on."""
import os
import socket

from case import case, expect
from images import put, tiny_files
from machine import Machine
from node import NodeError, free_port

PORT = free_port()
NODE = {"plain": True, "forward": [(PORT, 4000)]}


def test_ready_without_failed_units(node):
    "Debian's own kernel and systemd are up, nothing failed."
    expect(" Debian " in node.check("uname -a"), "not Debian's kernel")
    expect(node.check("systemctl --failed --no-legend").strip() == "", "failed units")
    # What the claim "unmodified" stands on, against the checksums in Debian's packages.
    node.check("cd / && cat /var/lib/dpkg/info/linux-image-$(uname -r).md5sums "
               "/var/lib/dpkg/info/qemu-system-x86.md5sums | "
               "grep -E ' (boot/vmlinuz|.*/kvm/|usr/bin/qemu-system-x86_64$)' > /tmp/sums && "
               "test $(wc -l < /tmp/sums) -ge 4 && md5sum --check --quiet /tmp/sums")


def test_command_results(node):
    "Exit code, both outputs and input of a command arrive whole."
    expect(node.run("cat; echo err >&2; exit 7", input="in") == (7, "in", "err\n"), "wrong result")
    expect(node.run("kill -TERM $$").rc == 128 + 15, "signal not told")
    # What a command leaves running must not hold up its result.
    expect(node.run("sleep 60 & echo out", timeout=30).out == "out\n", "waits for a daemon")


def test_files_in_and_out(node):
    data = os.urandom(3 << 20)
    node.put(data, "/tmp/data", mode=0o600)
    expect(node.check("stat -c %a /tmp/data").strip() == "600", "wrong mode")
    expect(node.get("/tmp/data") == data, "file changed on the way")


def test_commands_run_side_by_side(node):
    one = node.popen("read -r line; echo $line")
    expect(node.run("echo two").out == "two\n", "second command did not run")
    one.write(b"one\n")
    expect(one.wait().out == "one\n", "first command lost its input")


def test_command_timeout_kills(node):
    try:
        node.run("echo $$ > /tmp/pid; sleep 1000", timeout=3)
    except NodeError:
        node.check("while [ -d /proc/$(cat /tmp/pid) ]; do sleep 0.1; done", timeout=20)
    else:
        raise AssertionError("no time-out")


def test_forwarded_port(node):
    "A port of the node is reached from this machine."
    server = node.popen("socat TCP-LISTEN:4000 EXEC:'echo hello'")
    node.check("until ss -ltn | grep -q :4000; do sleep 0.1; done")
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as s:
        expect(s.recv(100) == b"hello\n", "wrong greeting")
    server.wait()


def test_memory_is_seen_from_outside(node):
    "pmemsave finds what a process in the node wrote: the cold-boot attack works at all."
    canary = os.urandom(32)
    node.put(canary, "/tmp/canary")
    found = 0
    path = node.machine.run_dir / "memory"
    node.freeze()
    try:
        for address, size in node.ram_ranges():
            node.save_memory(path, address, size)
            found += path.read_bytes().count(canary)
    finally:
        node.thaw()
        path.unlink(missing_ok=True)
    expect(found > 0, "canary not found in the dump")


@case(timeout=240)
def test_kvm_guest(node):
    "A guest under Debian's own QEMU and kvm-amd gets from the reset vector to SeaBIOS's boot menu."
    guest = node.popen("exec qemu-system-x86_64 -accel kvm -m 64 -nographic -no-reboot -nodefaults "
                       "-serial null -chardev stdio,id=log "
                       "-device isa-debugcon,iobase=0x402,chardev=log")
    guest.wait_for("No bootable device", timeout=200)
    guest.kill()


def test_zone_without_core_is_told(node):
    "A zone on a host without the Core: exit code 12, which says so; nothing left."
    image = put(node, "/tmp/images/tiny", tiny_files())
    for command in (f"cloister run {image}", "cloister core info"):
        result = node.run(command)
        expect(result.rc == 12 and "Core" in result.err, f"{command}: {result.rc}", result.err)
    result = node.run("/usr/lib/cloister-tests/cl-vmm launch")
    expect(result.rc == 1 and "does not answer" in result.out, "the tests' own program")
    expect(node.run("ls -A /run/cloister | grep -v '^[.]lock$'").out == "", "something is left")


def test_zone_without_kvm_is_told(node):
    "A zone on a host without KVM: exit code 11."
    image = put(node, "/tmp/images/tiny", tiny_files())
    node.check("until rmmod kvm_amd; do sleep 0.2; done")
    try:
        result = node.run(f"cloister run {image}")
    finally:
        node.check("modprobe kvm_amd")
    expect(result.rc == 11 and "kvm" in result.err, f"exit code {result.rc}", result.err)


def test_missing_core_is_told():
    "Without the Core's image the node does not start, and says what to do."
    try:
        Machine(name="test-no-core", core="/nonexistent/core.elf").start()
    except NodeError as e:
        expect("make all" in str(e), "message does not help", e)
    else:
        raise AssertionError("started")


def test_busy_port_is_told():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        try:
            Machine(name="test-port", plain=True, forward=[(s.getsockname()[1], 1)]).start()
        except NodeError as e:
            expect("forward" in str(e), "message does not name the port", e)
        else:
            raise AssertionError("started")


@case(timeout=300, node={"plain": True, "boot": "grub-bios"}, fresh=True)
def test_grub_bios(node):
    expect(not node.run("test -d /sys/firmware/efi").rc == 0, "booted under UEFI")


@case(timeout=300, node={"plain": True, "boot": "grub-uefi"}, fresh=True)
def test_grub_uefi(node):
    node.check("test -d /sys/firmware/efi")
