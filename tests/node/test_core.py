# SPDX-License-Identifier: Apache-2.0
"""The Core against a VMM that owes its guests nothing, and against the host's root.

Each case is one of tests/node/programs (cl-vmm), which talks to /dev/kvm and to the Core's port
without QEMU: guests of a few instructions, hundreds of them in a minute. It fails as well if the
Core has lost memory by it. The Core has to live on, with no zone left.
"""
from case import case, expect
from zones import NODE  # noqa: F401 (one node for all)

PROGRAM = "/usr/lib/cloister-tests/cl-vmm"
ALARM_SECONDS = 60

CASES = {
    # PROTECT
    "launch": "A guest of 64 MiB becomes a zone; window and idle time are what was asked for.",
    "descriptor": "Each field of a descriptor, wrong: refused, counted, the guest lives on.",
    "segments": "Segments unaligned, wrapped, overlapping, out of order, outside RAM, in the hole, "
                "over the Core's page tables: refused, counted.",
    "parameters": "Window too small, idle time out of range: refused, counted.",
    "promised": "A size that the Core's memory cannot carry is refused, and costs nothing.",
    "caller": "PROTECT from user mode, from 32-bit code, of no memory: refused.",
    "small_windows": "A launch of more pages than the window holds, at every phase of the clock.",
    "core_memory_as_ram": "A VMM maps Core memory from /dev/mem as RAM: no zone page is made of "
                          "it.",
    # Inside a zone
    "instructions": "SVM's instructions, MONITOR, MWAIT are #UD; RDPMC and string I/O are #GP.",
    "msrs": "MSRs that are not a zone's are #GP, and nothing else happens.",
    "msr_values": "SEV_STATUS says SEV, SYSCFG memory encryption, EFER no SVME.",
    "cpuid": "CPUID shows the SEV leaf and the hypervisor bit, no SVM and no host's leaves.",
    "debugregs": "A zone's debug registers are its own, not the CPU's; no breakpoint fires.",
    "plain_debugregs": "Nor are those of an ordinary guest.",
    "zone_calls": "A zone's calls with bad operation, size and address: an error, counted; then a "
                  "good one succeeds.",
    "exit": "CL_OP_EXIT ends the zone with its status.",
    "triple_fault": "A triple fault ends the zone and is the logged reason.",
    "fetch_shared": "Instructions from a shared page end the zone.",
    "tables_shared": "A page table in a shared page ends the zone.",
    "outside_ram": "A private access outside RAM ends the zone.",
    "hole": "Where a PC has its BIOS a zone reads zeros, whatever the host put there.",
    "convert": "Private to shared to private: zeros each way, for the zone and for the host.",
    "stopped_by_host": "ZONE_END ends a zone; a second one is no error.",
    # Pages
    "plain_pages": "Control: an ordinary guest's memory is the host's to read.",
    "host_reads": "The host reads all RAM of a zone, thrice: no plaintext; the pages come back.",
    "window": "Open pages never exceed the window; a walk through six windows seals and opens.",
    "idle": "Pages that are not touched are sealed after the idle time.",
    "tampered": "One bit changed in a page, or the page gone: the zone ends; changed and changed "
                "back: it lives.",
    "replayed": "An older ciphertext of the same page ends the zone.",
    "exchanged": "Two pages exchanged end the zone; equal contents never look equal.",
    "memory_moved": "The host moves a zone's memory: sealed before the old mapping is gone, found "
                    "again at the new one.",
    "memory_replaced": "Other memory put under a zone ends it.",
    "memory_dropped": "The host frees a zone's memory and uses it: no plaintext, nothing wrong "
                      "read.",
    "one_frame_twice": "One page of the host at two of the zone's addresses ends the zone.",
    "other_zone_lives": "While one zone is killed, another and an ordinary guest keep their data.",
    "scrubbed": "A dead zone's frames, open and sealed, are zero when the host gets them.",
    "many_lives": "30 lives with three kinds of end: nothing of the Core's memory is lost.",
    "many_at_once": "32 zones at a time; the next one is refused.",
    # Registers and interrupts
    "plain_registers": "Control: an ordinary guest's registers are the host's to read.",
    "registers": "At each kind of exit KVM sees what the exit needs, none of the secrets in "
                 "registers.",
    "set_registers": "KVM writes all registers at each exit: the zone keeps its own.",
    "reset": "A vCPU that the host resets is an ordinary guest; the zone ends.",
    "interrupts": "Vectors from 32 arrive.",
    "bad_interrupts": "Vectors 0 to 31, 0x80 and exceptions do not arrive, and are counted.",
    "dead_stays_dead": "The vCPU of a dead zone only gets shutdowns, until it is reset.",
    "next_guest": "A zone's VMCB serves another guest, which starts in 64-bit mode: an ordinary one.",
    # The host's calls
    "host_calls": "Calls with bad operation, size, address, unmapped and read-only memory: an "
                  "error, counted, nothing written.",
    "launch_again": "A VMM vanishes; the next guests are ordinary, the zone can be ended.",
}


def vmm(name, what):
    @case(timeout=8 * ALARM_SECONDS)
    def test(node):
        rc, out, err = node.run(f"{PROGRAM} {name}", timeout=ALARM_SECONDS + 30)
        expect(rc == 0, what, out, err)
        info = node.check("cloister core info")
        expect(" 0 live" in info, "a zone is left", info)
    test.__doc__ = what
    return test


for key, text in CASES.items():
    globals()[f"test_{key}"] = vmm(key, text)


def test_every_case_is_run(node):
    "The program has no case that this file forgets."
    known = node.run(PROGRAM).out.split()
    expect(sorted(known) == sorted(CASES), "cases differ", known)
