# SPDX-License-Identifier: Apache-2.0
"""A host kernel of the attacker's own, one CPU of which flips the VMCB that the other one runs."""
import os

from suite import BUILD, Attack, Outcome
from node import Died, LogFile, Qmp, Timeout
from payload import Payload, lines

PAYLOAD = BUILD / "payload/vmcb-race.elf"
SECONDS = 1700  # for what hangs: a word has a minute
ROUNDS, ENOUGH = 100, 25  # VMRUNs for each word; on a busy machine its time may end before


class Race(Payload):
    def alive(self):
        return self.running() and "the Core has stopped" not in self.core_log.read_text()


def apart(machine):
    """Each CPU of the machine on one of this machine's: two on one would take turns for seconds."""
    qmp = Qmp(machine)
    own = sorted(os.sched_getaffinity(0))
    for i, cpu in enumerate(qmp.command("query-cpus-fast")):
        os.sched_setaffinity(cpu["thread-id"], {own[i % len(own)]})
    qmp.close()


def races(bare):
    """What it counted for each word, by the word's name, and whether the zone lived to the end."""
    with Race(PAYLOAD, bare, f"core={int(not bare)} rounds={ROUNDS}", name="attack-race", smp=2,
              threads="multi") as machine:
        apart(machine)
        console = LogFile(machine.console_log, machine)
        try:
            console.wait_for("^payload: (done|FAIL)", SECONDS)
        except (Died, Timeout) as e:
            raise RuntimeError(f"{e}; last: {console.tail(1)}") from e
        text = console.text().replace("\r", "")
    if "payload: FAIL" in text:
        raise RuntimeError(text.strip()[-300:])
    found = lines(text)
    counted = {name: {k: int(v, 0) for k, v in fields.items()}
               for name, fields in found.items() if "gained" in fields}
    return counted, "zone.lives" in found


def outcome(counted):
    through = ", ".join(n for n, r in counted.items() if r["gained"])
    return Outcome(sum(r.get("tries", 0) for r in counted.values()),
                   sum(r["gained"] for r in counted.values()),
                   f"{sum('tries' in r for r in counted.values())} words"
                   + (f"; got through: {through}" if through else ""))


def run(_suite):
    counted, lives = races(bare=False)
    # A gain needs no more proof that there was a race; its absence does.
    if not any(r["gained"] for r in counted.values()):
        few = [n for n, r in counted.items() if r["tries"] < ENOUGH
               or (r["differ"] and not (r["first"] and r["second"]))]
        if few or not lives:
            raise RuntimeError(f"CPU 1 did not race for {', '.join(few) or 'the zone at its end'}")
    return outcome(counted)


def control(_suite):
    return outcome(races(bare=True)[0])


Attack("vmcb_race", "host kernel",
       "CPU 1 flips a word of the VMCB that CPU 0 runs: intercepts, ASID, event, CR0, CR4, EFER, "
       "nested tables that lead to the Core, permission maps in it, and events, RIP, CR3 and others "
       "of a live zone's. Gained: VMRUNs that come to what neither value alone comes to, or that run "
       "VMSAVE, read memory that is not the guest's, have the zone take what may not be injected, or "
       "end it; bytes that VMSAVE wrote.", run, control)
