# SPDX-License-Identifier: Apache-2.0
"""Nested SVM for programs that are not Linux's KVM: tests/payload, bare and above the Core."""
import os
import re
import time

from case import case, expect, skip
from machine import BUILD, default_run_dir
from payload import lines, output

CONFORM = BUILD / "payload/svm-conform.elf"
FUZZ = BUILD / "payload/svm-fuzz.elf"

# Where the two may differ: name of the case, field, value on the bare CPU, value above the Core,
# why. Each is a whole regular expression; an entry that nothing needs any more is an error.
ACCEPTED = (
    # The Core offers what the emulated CPU does not have.
    (r".*", "nrip", r"0", r"(\+|vector).*", "NRIPS"),
    (r"(cut|resumed|inject)\..*", "nrip", r"\+\d+", r".*", "the field is as the host left it"),
    (r".*\.intercepted(\.no_np)?", "info1", r"0x0", r"0x[0-9a-f]+", "decode assists: operand"),
    (r"io\..*", "info1", r"0x\w+", r"0x\w+", "decode assists: address size, segment"),
    (r"(npt|cut|pf_).*", "len", r"0", r"15", "decode assists: instruction bytes"),
    (r"inject\.(soft|int3)\.next_rip", "frame", r"\+0,", r"\+[12],", "NRIPS: return address"),
    (r"io\.(rep_)?(ins|outs)\w*\.(empty_map|not_at_all)", r"rsi|rdi|data", r"\S+", r"\S+",
     "a string access to a port that the Core watches does nothing"),
    (r"wrmsr\.mtrr_type\.open", "rip", r"\S+", r"\S+", "MTRRs are not a guest's"),
    # The emulated CPU misses a check or stores less.
    (r".*", "exit", r"0xffffffff", r"0xffffffffffffffff", "VMEXIT_INVALID is -1, 64 bits"),
    (r"vmrun\.(ncr3|pat)\..*", r"\w+", r"\S+", r"0xffffffffffffffff|None",
     "nested CR3 and PAT are checked (APM vol. 2, 15.25.4)"),
    (r"inject\.exception\d+\.error", "inj", r"0x100000000", r"0x0", "EVENTINJ is cleared whole"),
    (r"npt\.\w+\.(reserved.*|large_reserved|large)\.\d", "info1", r"0x\w+", r"0x\w+",
     "reserved bits: the entry is present, and P says so"),
    (r"npt\.\w+\.large_\w+\.3", "bits", r"20,20,0,0", r"20,0,0,0",
     "no accessed bit in a 1 GiB leaf that the access may not use"),
    (r"host\.after", "dr7", r"0x\w+", r"0x400", "#VMEXIT disables the host's breakpoints"),
    # What the Core keeps for itself.
    (r"vm(run|load|save)\.(core_memory.*|beyond_ram)", "trap", r"-1", r"13",
     "a VMCB is in the host's RAM"),
    (r"(vmload|vmsave|stgi|clgi)\.open|open\.(vmload|vmsave)", "rip", r"\+\d+", r"vector6\+0",
     "would act on the machine, not on the guest (CVE-2021-3656): #UD"),
    (r"(vmload|vmsave|stgi|clgi)\.open", "frame", r"None", r".*", "the same"),
    (r"open\.(vmload|vmsave)", "star|there", r"0x\w+", r"0x\w+", "the same"),
    (r"(rd|wr)msr\.(apic_base|tsc|vm_cr|hsave|debugctl|efer)\.open", "rip", r"\+2",
     r"vector13\+0", "MSRs that the Core watches are not for guests: #GP"),
    (r"(rd|wr)msr\.(apic_base|efer)\.open", "value", r"0x\w+", r"0x0", "the same"),
    (r"(npt|no_np)\.write\.apic(\.1)?", "rip", r"\+2", r"vector13\+0",
     "the local APIC's registers are written by the host only: #GP"),
    (r"no_np\.write\.apic", "frame", r"None", r"0x0,\+0", "the same"),
    (r"cpuid\.as_host", "as_host", r"1", r"0", "without an intercept CPUID is the CPU's own"),
)


def compare(bare, core):
    """What is not accepted, and the entries of ACCEPTED that were needed."""
    wrong, used = [], set()
    for name in sorted(set(bare) | set(core)):
        left, right = bare.get(name, {}), core.get(name, {})
        for field in sorted(set(left) | set(right)):
            a, b = str(left.get(field)), str(right.get(field))
            if a == b:
                continue
            reasons = [i for i, (n, f, x, y, _) in enumerate(ACCEPTED)
                       if re.fullmatch(n, name) and re.fullmatch(f, field) and
                       re.fullmatch(x, a) and re.fullmatch(y, b)]
            used.update(reasons)
            if not reasons:
                wrong.append(f"{name}: {field} is {b}, {a} on the bare CPU")
    return wrong, used


def wrong_next_rips(core):
    """The instruction ran without its intercept as well: where it ended is the next RIP."""
    does_not_run = ("vmmcall", "rdmsr.not_in_map", "wrmsr.not_in_map")
    wrong = []
    for name, fields in core.items():
        if not name.endswith(".intercepted") or not fields.get("nrip", "").startswith("+"):
            continue
        without = core.get(name.removesuffix("intercepted") + "open", {})
        if name.removesuffix(".intercepted") in does_not_run or fields["exit"] == "0x81":
            continue
        if without.get("rip", "").startswith("+") and without["rip"] != fields["nrip"]:
            wrong.append(f"{name}: next RIP {fields['nrip']}, ends at {without['rip']}")
    return wrong


@case(timeout=300)
def test_conformance():
    "Another SVM program sees above the Core what it sees on the bare CPU, or better."
    bare = lines(output(CONFORM, True))
    core = lines(output(CONFORM, False, "core=1"))
    lme = {n: core.pop(n) for n in [*core] if n.startswith("lme.")}
    expect(len(bare) > 800, "too few cases", len(bare))
    wrong, used = compare(bare, core)
    expect(not wrong, f"{len(wrong)} differences", "\n".join(wrong))
    unused = [e for i, e in enumerate(ACCEPTED) if i not in used]
    expect(not unused, "accepted, but no difference any more", unused)
    wrong = wrong_next_rips(core)
    expect(not wrong, "next RIP", "\n".join(wrong))
    checked = sum(1 for n in core if n.endswith(".intercepted"))
    expect(checked > 70, "next RIPs were not looked at", checked)
    # The bare CPU would not survive these (tests/payload/conform_lme.c).
    vmmcall, gp = "0x81", "0x4d"
    wanted = {"real": (vmmcall, 0, 0, 0, 0), "entered": (vmmcall, 0, 0, 0, 0), "set": (vmmcall, 0, 1, 0, 1),
              "cleared": (vmmcall, 0, 0, 0, 0), "reserved": (gp, 0, 1, 0, 0),
              "left": (vmmcall, 0, 0, 0, 0), "returned": (vmmcall, 1, 1, 1, 1)}
    for name, values in wanted.items():
        said = lme.get(f"lme.{name}", {})
        expected = dict(zip(("exit", "pg", "pae", "lma", "read"), map(str, values)), intercepts="0")
        expect(said == expected, f"lme.{name}", said, expected)
    # What no comparison shows: the bare CPU of a later day may be right or wrong alike.
    for how in ("flush_all", "flush_asid", "flush_non_global", "other_asid", "invlpga",
                "tlb_control_stays", "other_ncr3"):
        expect(core[f"flush.{how}"].get("value") == "0xbbbb", "stale translation", how,
               core[f"flush.{how}"])


FUZZ_SECONDS = int(os.environ.get("FUZZ_NODE_SECONDS", 60))


def fuzzed(seconds, seed):
    """The fuzzer's output, and how long it ran if QEMU itself failed an assertion before the end: some
    of what guests try is too much for its devices (a word from the serial port's last byte) and for
    its CPU. Whatever else ends the machine is a finding."""
    try:
        return output(FUZZ, False, f"seconds={seconds} seed={seed}", 300 + 3 * seconds), seconds
    except AssertionError:
        run = default_run_dir("svm")
        if not re.search(r"[Aa]ssertion .*failed", (run / "qemu.err").read_text()):
            raise
        console = (run / "console.log").read_text(errors="replace")
        return None, max(map(int, re.findall(r"^fuzz: (\d+) s,", console, re.M)), default=0)


@case(timeout=600 + 4 * FUZZ_SECONDS)
def test_fuzz():
    "Random VMCBs, calls, zones and page moves: the Core lives, and has all its pages at the end."
    if "FUZZ_NODE_SECONDS" not in os.environ:
        skip("make fuzz-node runs it")
    left = FUZZ_SECONDS
    seed = int(os.environ.get("FUZZ_NODE_SEED", 0)) or int(time.time())
    for _ in range(20 + FUZZ_SECONDS // 20):
        text, done = fuzzed(left, seed)
        left -= done
        if text:
            break
        print(f"        seed {seed}: QEMU failed an assertion of its own after {done} s", flush=True)
        seed += 1
    expect(text, "QEMU never got to the end", left)
    expect("payload: FAIL" not in text and "fuzz: ok" in text, f"seed={seed}", text[-1500:])
    counts = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", text.splitlines()[-2])}
    # A tenth of the tries at the least: else the rest of the fuzzing has not met zones.
    expect(counts["launched"] * 10 > counts["protects"], f"few zones: seed={seed}", text[-800:])
    for what in ("vmruns", "protects", "launched", "calls", "moves", "refused", "ended"):
        expect(counts.get(what, 0) > 0, f"no {what}: seed={seed}", text[-800:])
