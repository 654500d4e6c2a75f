# SPDX-License-Identifier: Apache-2.0
"""SVM programs that are not Linux's KVM (tests/payload), started instead of the node's kernel."""
import re

from case import expect
from machine import Machine
from node import Died, LogFile, Timeout


class Payload(Machine):
    """A Multiboot kernel, bare or as the Core's host."""

    def __init__(self, elf, bare, command="", name="svm", **machine):
        super().__init__(name=name, memory="1G", **{"smp": 1, **machine})
        self.elf, self.bare, self.payload_args = elf, bare, command

    def _boot_arguments(self):
        if self.bare:
            return ["-kernel", str(self.elf), "-append", self.payload_args]
        return self.beneath(f"{self.elf} {self.payload_args}")

    alive = Machine.running


def output(elf, bare, command="", seconds=120, **options):
    """What it says on its console until it is done. Options: Machine's."""
    with Payload(elf, bare, command, **options) as machine:
        console = LogFile(machine.console_log, machine)
        try:
            console.wait_for("payload: (done|FAIL)", seconds)
        except (Died, Timeout) as e:
            raise AssertionError(f"{e}\n{console.tail(5)}\n{LogFile(machine.core_log, machine).tail(8)}")
        return console.text().replace("\r", "")


def lines(text):
    """name → fields"""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r"([\w.-]+): (.*)", line)
        if match and match[1] != "payload":
            expect(match[1] not in found, "a case has two lines", match[1])
            found[match[1]] = dict(w.split("=", 1) if "=" in w else ("", w)
                                   for w in match[2].split())
    return found
