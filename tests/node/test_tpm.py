# SPDX-License-Identifier: Apache-2.0
"""A TPM beneath the Core: what it vouches for, which keys zones get, and what the host can do with it.

The TPM is swtpm, so the test owns its state: it runs the same TPM again outside of the node, puts the
PCRs where they were while the Core booted, and derives the sealing root there with tpm2-tools and
Python alone. What the zones got must follow from that, and a dump of the node's RAM must not hold it.
"""
import hashlib
import hmac
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from case import case, expect
from node import BUILD, ROOT, Node
from zones import core, core_key

sys.path.insert(0, str(ROOT / "demo"))
import corekeys  # noqa: E402

_directory = tempfile.TemporaryDirectory(prefix="cloister-test-tpm-")
WORK = Path(_directory.name)
NODE = {"tpm": True, "state": str(WORK / "state")}
LIVED = {"tpm": True, "state": str(WORK / "lived")}  # this one gets an owner's password at its end
TIS = {"tpm": "tis", "state": str(WORK / "tis")}
VMM = "/usr/lib/cloister-tests/cl-vmm"
POLICY_PCRS = (0, 2, 4, 13)
KEY_ROOT = 3  # core/cpu/master_key.h
CRB_BUFFER, CRB_SIZE = 0xfed40080, 3968


def sha256(data):
    return hashlib.sha256(data).digest()


def pcrs(run, wanted):
    """{PCR: value} by tpm2_pcrread, run by `run`."""
    text = run("tpm2_pcrread sha256:" + ",".join(map(str, wanted)))
    return {int(n): bytes.fromhex(v) for n, v in re.findall(r"^\s*(\d+)\s*: 0x([0-9A-F]{64})", text, re.M)}


def closed(key):
    """PCR 13 after the Core: docs/architecture.md."""
    return sha256(sha256(bytes(32) + sha256(bytes.fromhex(key))) + sha256(b"cloister cap 1"))


def policy(values):
    """PolicyPCR over these values (TPM 2.0 Library, part 3, section 23.7)."""
    selection = struct.pack(">IHB", 1, 0xb, 3) + sum(1 << n for n in values).to_bytes(3, "little")
    return sha256(bytes(32) + struct.pack(">I", 0x17f) + selection +
                  sha256(b"".join(values[n] for n in sorted(values))))


def root_commands(directory):
    """What asks the TPM for the sealing root: the policy is in policy.dat there."""
    return " && ".join((
        f"cd {directory}", "printf 'cloister root 1, iommu none' > text", "tpm2_flushcontext -t",
        "tpm2_createprimary -Q -C o -g sha256 -G hmac:sha256 -L policy.dat -c key.ctx -a "
        "'fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|noda|sign'",
        "tpm2_startauthsession --policy-session -S session.ctx",
        "tpm2_policypcr -Q -S session.ctx -l sha256:0,2,4,13",
        "tpm2_hmac -c key.ctx -p session:session.ctx -g sha256 -o root text"))


def zone_key(node, context="volume", extra=""):
    """What a zone gets: (key, SRK point, launch digest), in bytes."""
    said = node.check(f"{VMM} seal '{context}' '{extra}'")
    found = {name: value for name, value in re.findall(r"^(\w+) (\S+)$", said, re.M)}
    expect(found["result"] == "0", "no key", said)
    return tuple(bytes.fromhex(found[n]) for n in ("key", "srk", "digest"))


def hkdf(root, digest, context):
    """RFC 5869, one block."""
    prk = hmac.digest(bytes(32), root, "sha256")
    info = b"cloister zone key 1" + digest + context.ljust(32, b"\0")
    return hmac.digest(prk, info + b"\1", "sha256")


def events(log):
    """(PCR, SHA-256 digest) of a crypto-agile log (TCG PC Client Platform Firmware Profile, 10.2)."""
    size, = struct.unpack_from("<I", log, 28)
    spec = log[32:32 + size]
    expect(spec.startswith(b"Spec ID Event03\0"), "no crypto-agile log", spec[:16])
    count, = struct.unpack_from("<I", spec, 24)
    sizes = dict(struct.unpack_from("<HH", spec, 28 + 4 * i) for i in range(count))
    at, found = 32 + size, []
    while at + 12 <= len(log):
        pcr, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        for _ in range(count):
            alg, = struct.unpack_from("<H", log, at)
            if alg == 0xb and kind != 3:
                found.append((pcr, log[at + 2:at + 34]))
            at += 2 + sizes[alg]
        at += 4 + struct.unpack_from("<I", log, at)[0]
    return found


def outside(state, log, values):
    """The sealing root, by the same TPM in our hands, PCRs as they were when the Core booted."""
    copy = WORK / "outside"
    shutil.copytree(state / "tpm", copy, ignore=shutil.ignore_patterns(".lock"))
    server = subprocess.Popen(
        ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={copy}", "--server",
         f"type=unixio,path={copy}/s", "--ctrl", f"type=unixio,path={copy}/s.ctrl", "--flags",
         "not-need-init,startup-clear"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(command):
        done = subprocess.run(["bash", "-euc", command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              env={"PATH": "/usr/bin:/bin", "TPM2TOOLS_TCTI": f"swtpm:path={copy}/s"})
        expect(done.returncode == 0, f"outside: {command}", done.stdout)
        return done.stdout
    try:
        end = time.monotonic() + 10
        while not (copy / "s").exists() and time.monotonic() < end:
            time.sleep(0.02)
        for pcr, digest in events(log):
            if pcr in POLICY_PCRS:
                run(f"tpm2_pcrextend {pcr}:sha256={digest.hex()}")
        have = pcrs(run, POLICY_PCRS)
        expect(have == {**values, 13: bytes(32)}, "the replayed PCRs differ", have, values)
        (copy / "policy.dat").write_bytes(policy(have))
        run(root_commands(copy))
        return (copy / "root").read_bytes()
    finally:
        server.terminate()
        server.wait()


def test_pcr13_holds_the_key(node):
    "root: tpm; PCR 13 is H(H(0 ‖ H(key)) ‖ H(cap)) for the key that `core info` and the log show."
    info = core(node)
    schema = json.loads((ROOT / "share/schema/core-info.schema.json").read_text())
    expect(set(info) == set(schema["required"]) == set(schema["properties"]), "members", info)
    expect(info["root"] == "tpm" and info["sealing"] is True and info["debug"] is False, "info", info)
    expect(info["key"] == core_key(node), "another key than the log's")
    built = subprocess.run(["readelf", "-n", BUILD / "core/cloister-core.elf"],
                           stdout=subprocess.PIPE, text=True, check=True).stdout
    expect(re.search(r"Build ID: ([0-9a-f]{40})", built)[1] == info["build"], "build", info)
    have = pcrs(node.check, (13,))[13]
    expect(have == closed(info["key"]), "PCR 13", have.hex())
    expect("sealing keys" in node.check("cloister core info"), "text")


def test_host_gets_no_root(node):
    "The host's root makes the same key in the TPM, as anybody can, and cannot use it: PCR 13 is capped."
    values = {**pcrs(node.check, POLICY_PCRS), 13: bytes(32)}
    node.check("mkdir -p /tmp/root")
    node.put(policy(values), "/tmp/root/policy.dat")
    done = node.run(root_commands("/tmp/root"))
    expect(done.rc != 0 and "0x99d" in done.err.lower(), "no policy failure", done.out, done.err)
    expect(node.run("test -e /tmp/root/root && test -s /tmp/root/root").rc != 0, "it got a root")
    # Under the policy of now it gets a key, but not that one.
    node.put(policy(pcrs(node.check, POLICY_PCRS)), "/tmp/root/policy.dat")
    node.check(root_commands("/tmp/root"))


def test_other_zones_other_keys(node):
    "The same zone and context: the same key. Another context, another digest: another key."
    key, srk, digest = zone_key(node)
    expect(zone_key(node) == (key, srk, digest), "not the same again")
    other = zone_key(node, context="volumf")
    expect(other[1:] == (srk, digest) and other[0] != key, "another context")
    other = zone_key(node, extra="x")
    expect(other[2] != digest and other[0] != key and other[1] == srk, "another digest")
    # The point is that of the TPM's storage key, as its owner can make it at any time.
    made = node.check("tpm2_flushcontext -t; tpm2_createprimary -C o -g sha256 -G ecc256:aes128cfb "
                      "-c /tmp/srk.ctx -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|"
                      "noda|restricted|decrypt'")
    point = [re.search(rf"^{c}: ([0-9a-f]+)", made, re.M)[1].zfill(64) for c in "xy"]
    expect(srk.hex() == "".join(point), "storage key", srk.hex(), made)


@case(timeout=1200, dirty=True, node=LIVED)
def test_root_outlives_boots_and_is_in_no_dump(node):
    "The zones' keys follow from the TPM alone; the root is not in RAM; the next boot has it again."
    key, srk, digest = zone_key(node)
    values = pcrs(node.check, POLICY_PCRS)
    log = node.run("cat /sys/kernel/security/tpm0/binary_bios_measurements").out_bytes
    node.freeze()
    try:
        master = corekeys.master(node)
        base, size = corekeys.core_memory(node.core_log().text())
        node.save_memory(WORK / "core", base, size)
        for i, (start, bytes_) in enumerate(node.ram_ranges()):
            node.save_memory(WORK / f"ram{i}", start, bytes_)
        node.save_memory(WORK / "crb", CRB_BUFFER, CRB_SIZE)
    finally:
        node.thaw()
    # The host extends PCR 13: evidence fails from now on, and nothing else happens.
    node.check("tpm2_pcrextend 13:sha256=" + "11" * 32)
    expect(pcrs(node.check, (13,))[13] != closed(core(node)["key"]), "PCR 13 did not change")
    expect(zone_key(node)[0] == key, "the zone's key changed")
    node.stop()

    root = outside(WORK / "lived", log, {n: values[n] for n in (0, 2, 4)})
    expect(hkdf(root, digest, b"volume") == key, "the zone's key does not follow from the root")
    words = [root[i:i + 8] for i in range(0, 32, 8)]
    dumps = [WORK / "core", WORK / "crb", *sorted(WORK.glob("ram*"))]
    for dump in dumps:
        data = dump.read_bytes()
        expect(not any(w in data for w in words), f"the sealing root is in the dump: {dump.name}")
    # Control: it stands there covered, so this is the right root and the right place.
    cover = corekeys.derive(master, KEY_ROOT, 0)
    covered = bytes(a ^ b for a, b in zip(root, cover))
    expect((WORK / "core").read_bytes().count(covered) == 1, "the covered root is not in the Core")
    for dump in dumps:
        dump.unlink()

    with Node(name="test-tpm", **LIVED) as again:
        info = core(again)
        expect(info["root"] == "tpm" and info["sealing"], "second boot", info)
        expect(pcrs(again.check, (13,))[13] == closed(info["key"]), "PCR 13 of the second boot")
        expect(zone_key(again) == (key, srk, digest), "another key after a restart")
        again.check("tpm2_changeauth -c owner secret")
    # The owner has a password now: the Core gets no root, and the door is closed all the same.
    with Node(name="test-tpm", **LIVED) as denied:
        info = core(denied)
        expect(info["root"] == "tpm" and info["sealing"] is False, "third boot", info)
        expect(pcrs(denied.check, (13,))[13] == closed(info["key"]), "PCR 13 of the third boot")
        denied.core_log().wait_for(r"\[warn\] sealing: no: the TPM refuses \(0x9a2\)", 10)
        said = denied.run(f"{VMM} seal volume ''").out
        expect("result -2" in said and "key " + "0" * 64 in said, "a key without a root", said)


def log_replays(node):
    """The log that the Core has kept gives the PCRs of the firmware, to the last event."""
    log = node.run(f"{VMM} boot_log").out_bytes
    found = events(log)
    expect({pcr for pcr, _ in found} >= {0, 1, 4, 5, 7}, "few events", found)
    want = {n: bytes(32) for n in range(8)}
    for pcr, digest in found:
        if pcr in want:
            want[pcr] = sha256(want[pcr] + digest)
    have = pcrs(node.check, range(8))
    expect(have == want, "replayed", have, want)
    expect(core(node)["sealing"], "no sealing", core(node))


@case(timeout=600, node={**NODE, "boot": "grub-uefi", "state": str(WORK / "uefi")})
def test_boot_log_replays(node):
    "Under UEFI the log that the Core has kept replays."
    log_replays(node)


@case(timeout=600, node=TIS)
def test_fifo(node):
    "A TPM that is reached by its FIFO (TIS) is used as one with a command response buffer is."
    expect("tpm_tis" in node.check("readlink /sys/class/tpm/tpm0/device/driver"), "not a FIFO")
    test_pcr13_holds_the_key(node)
    test_other_zones_other_keys(node)


@case(timeout=600, node={**TIS, "boot": "measured", "state": str(WORK / "tis-measured")})
def test_fifo_measured(node):
    "A measured boot with a FIFO: the Core closes PCR 13, and the firmware's log replays."
    test_pcr13_holds_the_key(node)
    log_replays(node)


@case(node={})
def test_none_without_a_tpm(node):
    "root: none, no sealing, and a zone that asks gets ENOENT."
    info = core(node)
    expect(info["root"] == "none" and info["sealing"] is False, "info", info)
    expect("result -2" in node.run(f"{VMM} seal volume ''").out, "a key without a TPM")
    expect(node.run(f"{VMM} boot_log").out_bytes == b"", "a log without UEFI")
