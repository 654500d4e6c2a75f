# SPDX-License-Identifier: Apache-2.0
"""A demo on a node whose boot a TPM measured, and which is enrolled."""
import time
from pathlib import Path

from story import BUILD, Story  # sets sys.path
from node import Node
from swtpm import CA_FILES

IN_NODE = "/var/lib/cloister/images"
BOOT_IMAGE = BUILD / "boot/cloister.efi"
REFERENCE = BUILD / "boot/reference.json"
TPM_ROOTS = BUILD / "cache/tpm-ca"
AK_CERTIFICATE = "/var/lib/cloister/node/ak.crt"


class Measured(Story):
    """Its class sets ports, with "node" for the evidence service."""

    def __init__(self, directory):
        super().__init__(directory)
        self.state = self.directory / "node"  # the machine: its TPM, its disk, its UEFI variables
        self.ca, self.policy = self.directory / "ca", self.directory / "policy.json"
        self.node, self.ak_certificate = None, None

    def boot_measured(self, forward, **options):
        """The machine, or one in its place, with its evidence service; the seconds it took."""
        self.end_node()
        self.node = Node(name=self.NAME, iommu=True, forward=[(self.ports["node"], 7444), *forward],
                         **{"boot": "measured", "tpm": True, "state": self.state, **options})
        begin = time.monotonic()
        self.node.start()
        if self.ak_certificate:  # which a host that is installed has on its disk
            self.node.check(f"mkdir -p {Path(AK_CERTIFICATE).parent}")
            self.node.put(self.ak_certificate, AK_CERTIFICATE)
        self.node.popen("exec cloister evidence serve --listen 0.0.0.0:7444").wait_for("serving")
        return round(time.monotonic() - begin, 1)

    def end_node(self):
        if self.node:
            self.node.stop()
        self.node = None

    stop = end_node

    def enroll(self, ca, verb="enroll"):
        """This node at that CA."""
        roots = [TPM_ROOTS / name for name in CA_FILES]
        bundle = self.directory / "ek-roots.pem"
        bundle.write_text("".join(path.read_text() for path in roots))
        kind = ["--ek", "rsa"] if verb == "enroll" else []  # swtpm_setup certifies this one
        self.cloister("node", verb, "--ca", ca, "--name", "node-1", "--test-ek-roots", bundle, *kind,
                      f"127.0.0.1:{self.ports['node']}")
        self.ak_certificate = self.node.get(AK_CERTIFICATE)

    def ca_file(self, what):
        path = self.directory / f"{what}.pem"
        path.write_text(self.cloister("node", "ca", "--ca", self.ca, f"--{what}"))
        return path

    def digest(self, image):
        return self.cloister("measure", image).split()[-1]

    def make_policy(self, images, *firmware):
        """firmware: the options that say which is accepted."""
        digests = [word for image in images for word in ("--digest", self.digest(image))]
        self.cloister("policy", "init", *digests, "--boot-reference", REFERENCE, *firmware,
                      "--ca", self.ca_file("certificate"), "--crl", self.ca_file("crl"),
                      "--accept-test-tpm", "--require-iommu", "--output", self.policy)
