# SPDX-License-Identifier: Apache-2.0
"""The attacks of cl-attack (attack/programs, one file each), as they say themselves."""
import subprocess

from suite import BUILD, Attack

# Each of these has more to see than the program can tell: another file of this folder.
ELSEWHERE = {"msi_init"}

listed = subprocess.run([BUILD / "node/payload/usr/lib/cloister-tests/cl-attack", "list"],
                        check=True, stdout=subprocess.PIPE, text=True).stdout


def add(name, source, control, what):
    def run(suite):
        return suite.program(name, "zone")

    def plain(suite):
        return suite.program(name, "plain")
    real = control in ("guest", "machine")
    Attack(name, source, what, run, control=plain if real else None,
           no_control=None if real else control,
           control_on="machine" if control == "machine" else "core")


for line in listed.splitlines():
    fields = line.split("\t")
    if fields[0] not in ELSEWHERE:
        add(*fields)
