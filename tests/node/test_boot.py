# SPDX-License-Identifier: Apache-2.0
"""The Core beneath hosts of all kinds, and what they find of it."""
import re

from case import case, expect
from zones import NODE  # noqa: F401 (one node for all)
from machine import BUILD, Machine
from node import LogFile, Node, NodeError

PAYLOAD = BUILD / "node-tests/payload.elf"
FORGED = "a line that the host forged"


def core_range(node):
    info = node.check("cloister core info --json")
    found = re.search(r'"core_base": (\d+).*?"core_bytes": (\d+)', info, re.S)
    return int(found[1]), int(found[2])


def test_host_is_unmodified(node):
    "Debian's own kernel, KVM modules and QEMU, file by file; nested SVM with NRIPS and decoding."
    node.check("cd / && cat /var/lib/dpkg/info/linux-image-$(uname -r).md5sums "
               "/var/lib/dpkg/info/qemu-system-x86.md5sums | "
               "grep -E ' (boot/vmlinuz|.*/kvm/|usr/bin/qemu-system-x86_64$)' > /tmp/sums && "
               "test $(wc -l < /tmp/sums) -ge 4 && md5sum --check --quiet /tmp/sums")
    flags = node.check("grep -m1 ^flags /proc/cpuinfo").split()
    for flag in ("svm", "npt", "nrip_save", "decodeassists"):
        expect(flag in flags, f"the host's CPU does not show {flag}")
    expect(node.check("cat /sys/module/kvm_amd/parameters/npt").strip() in ("Y", "1"), "no NPT")


def test_log_is_apart(node):
    "The Core's log goes to its own port: nothing of it on the host's console, levels in it."
    log, console = node.core_log().text(), node.console().text()
    expect(re.search(r"^cloister: \[info\] Cloister Core", log, re.M), "no log", log[:300])
    expect("[info]" not in console and "Cloister Core" not in console, "the Core writes to the "
           "console", console[-500:])


def test_host_cannot_write_log(node):
    "Port 0xe9 is the Core's: what the host writes there appears nowhere."
    before = len(node.core_log().text())
    node.check("exec 3>/dev/port && for i in 1 2 3 4 5 6 7 8; do printf 'forged line\\n' | "
               "dd of=/dev/port bs=1 seek=233 conv=notrunc count=1 status=none; done")
    expect("forged" not in node.core_log().text()[before:] and
           "\nf" not in node.core_log().text()[before:], "written", node.core_log().tail())


def test_dev_mem_finds_decoy(node):
    "The host's root reads the Core's memory: one page of junk everywhere, writes without effect."
    base, size = core_range(node)
    pages = [base >> 12, (base >> 12) + 1, (base + size // 2) >> 12, (base + size - 1) >> 12]
    seen = set()
    for page in pages:
        result = node.run(f"dd if=/dev/mem bs=4096 skip={page} count=1 status=none | sha256sum")
        expect(result.rc == 0, "dd", result.err)
        seen.add(result.out.split()[0])
    expect(len(seen) == 1, "the Core's pages differ for the host", seen)
    path = node.machine.run_dir / "core-memory"
    node.run(f"dd if=/dev/urandom of=/dev/mem bs=4096 seek={pages[0]} count=1 conv=notrunc")
    node.freeze()
    try:
        node.save_memory(path, base, size)
    finally:
        node.thaw()
    memory = path.read_bytes()
    path.unlink()
    distinct = {memory[i:i + 4096] for i in range(0, size, 4096)}
    expect(len(distinct) > 50, "the dump shows no Core there either: nothing is proven")
    expect(b"Cloister Core" in memory, "the Core is not where it says")
    expect(node.run("cloister core info").rc == 0, "the Core does not answer")


def test_core_memory_is_not_the_hosts(node):
    "The host's memory map has a hole where the Core is."
    base, size = core_range(node)
    for line in node.check("cat /proc/iomem").splitlines():
        found = re.match(r"\s*([0-9a-f]+)-([0-9a-f]+) : System RAM", line)
        if found:
            first, last = int(found[1], 16), int(found[2], 16)
            expect(last < base or first >= base + size, "System RAM over the Core", line)


class PayloadMachine(Machine):
    """The Core with something else than Linux above it."""

    def __init__(self, payload, **options):
        super().__init__(**options)
        self.payload = payload

    def _boot_arguments(self):
        return self.beneath(self.payload)


class Log(LogFile):
    def __init__(self, path, machine):
        machine.alive = machine.running
        super().__init__(path, machine)


def payload(core_args="", extra=()):
    """One start of the payload, for the Core's logs."""
    machine = PayloadMachine(f"{PAYLOAD} core=none", name="test-payload", core_args=core_args,
                             extra=extra)
    com2 = machine.run_dir / "com2.log"
    com2.unlink(missing_ok=True)
    with machine:
        Log(machine.console_log, machine).wait_for("payload: up", 60)
        return machine.core_log.read_text(), com2.read_text() if com2.exists() else ""


def test_log_level():
    "loglevel=warn on the Core's command line leaves information out."
    expect("[info]" in payload()[0], "no information without it")
    expect("[info]" not in payload("loglevel=warn")[0], "information is logged")


def test_log_on_com2():
    "log=com2: the log goes there and not to the debug port."
    log, com2 = payload("log=com2", ["-serial", "file:com2.log"])
    expect("Cloister Core" in com2, "not on COM2", com2)
    expect("Cloister Core" not in log, "on the debug port as well", log)


@case(timeout=120)
def test_multiboot_payload():
    "A host that is a Multiboot ELF: it finds only the decoy, writes nothing, and 0xe9 is not its."
    # Where the Core will be: from a first start that only says so.
    machine = PayloadMachine(f"{PAYLOAD} core=none", name="test-payload")
    with machine:
        found = Log(machine.core_log, machine).wait_for(r"memory 0x([0-9a-f]+)\+0x([0-9a-f]+)", 60)
        Log(machine.console_log, machine).wait_for("payload: up", 60)
    base = int(found[1], 16)
    machine = PayloadMachine(f"{PAYLOAD} core={base:x}", name="test-payload")
    with machine:
        console = Log(machine.console_log, machine)
        console.wait_for("payload: done", 60)
        words = {k: v.split() for k, v in
                 re.findall(r"payload: (before|after|port)([ 0-9a-f]*)", console.text())}
        expect(machine.running(), "QEMU has ended")
        node = Node(name="test-payload")
        node.machine = machine
        path = machine.run_dir / "core-memory"
        node.save_memory(path, base, 2 << 20)
        node._qmp.close()
        memory = path.read_bytes()
        path.unlink()
        log = machine.core_log.read_text()
    before = words["before"]
    expect(len(before) == 24, "too little said", console.text())
    expect(before[0:8] == before[8:16] == before[16:24], "the Core's pages differ", before)
    real = [f"{int.from_bytes(memory[i:i + 4], 'little'):08x}" for i in range(0, 32, 4)]
    expect(before[0:8] != real, "the host has read the Core", before, real)
    expect(b"\xef\xbe\xad\x5e" * 64 not in memory, "the host has written to the Core")
    expect(FORGED not in log, "the host has written to the Core's log", log)
    expect(words["port"] == ["000000ff"], "port 0xe9 answers the host", words["port"])


def dies_with(pattern, **options):
    """The Core gives up and says why, on its log and on the serial console."""
    machine = Machine(name="test-dies", **options)
    with machine:
        try:
            found = Log(machine.core_log, machine).wait_for(pattern, 60)
        except NodeError as e:
            raise AssertionError(f"{e}; log: {machine.core_log.read_text()[-500:]}; console: "
                                 f"{machine.console_log.read_text(errors='replace')[-300:]}")
        Log(machine.console_log, machine).wait_for(pattern, 20)
        return found


def test_no_svm_is_told():
    "Without SVM the Core says so, on its log and on the serial console."
    dies_with("SVM", cpu="max,-la57,-svm")


def test_too_little_memory_is_told():
    "With too little memory the Core says so."
    dies_with("has \\d+ MiB of memory, the Core needs", memory="400M")


@case(timeout=300, node={"boot": "grub-bios"}, fresh=True)
def test_grub_bios(node):
    "GRUB under BIOS (Multiboot2): the Core, Debian above it, KVM in the host."
    booted(node)
    expect("EFI" not in node.console().text(), "booted under UEFI")


@case(timeout=300, node={"boot": "grub-uefi"}, fresh=True)
def test_grub_uefi(node):
    "GRUB under UEFI (Multiboot2): the same."
    booted(node)
    # The Core passes no EFI on to the host; that GRUB has run under it shows on the console.
    expect(re.search("x86_64-efi|BdsDxe", node.console().text()), "not booted under UEFI",
           node.console().text()[:1000])


def booted(node):
    expect(" 0 live" in node.check("cloister core info"), "no Core")
    expect(node.check("systemctl --failed --no-legend").strip() == "", "failed units")
    node.check("test -c /dev/kvm")
    # Guests run: the quickest one there is.
    result = node.run("/usr/lib/cloister-tests/cl-vmm launch")
    expect(result.rc == 0, "no zone can be launched", result.out)
