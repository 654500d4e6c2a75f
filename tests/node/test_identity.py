# SPDX-License-Identifier: Apache-2.0
"""A zone's identity, on a measured node: what demo/identity shows, less etcd and time."""
import sys
import tempfile

from case import case, expect
from node import ROOT

sys.path.append(str(ROOT / "demo"))
from identities import Identity  # noqa: E402


def take(story, step, *arguments):
    """A step; what it expected, and did not get, fails the test."""
    said = step(*arguments)
    expect(not story.unmet, said, *story.unmet)
    return said


@case(timeout=1800)
def test_identity():
    "nginx shows the SVID that its zone has proven itself for; another digest and each attack get none."
    with tempfile.TemporaryDirectory(prefix="identity-") as directory:
        story = Identity(directory)
        try:
            for step in (story.measured_boot, story.start_issuer, story.web):
                take(story, step)
            connection = story.connection()
            connection.connect()
            take(story, story.seen, connection)
            connection.close()
            take(story, story.wrong_digest)
            for attack in ("relay", "replay", "own-report", "no-evidence"):
                take(story, story.dial, attack)
        finally:
            story.stop()
