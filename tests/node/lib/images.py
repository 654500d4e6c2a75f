# SPDX-License-Identifier: Apache-2.0
"""Zone images for tests: variants of real ones, and one whose kernel is a few hundred bytes."""
import io
import json
import struct
import tarfile
from pathlib import Path

from node import BUILD

REDIS = BUILD / "images/redis"
REDIS_IN_NODE = "/var/lib/cloister/images/redis"
PROGRAMS = BUILD / "node/payload/usr/lib/cloister-tests"
TINY_INITRD = b"070701 not much of an archive"


def tiny_kernel():
    """A bzImage with all of the header's fields that `cloister` looks at, around boot/tiny.S."""
    code = (PROGRAMS / "tiny.bin").read_bytes()
    k = bytearray(4096 + (64 << 10))
    k[0x1f1] = 7                                         # setup_sects
    struct.pack_into("<I", k, 0x1f4, (64 << 10) // 16)   # syssize
    struct.pack_into("<H", k, 0x1fe, 0xaa55)             # boot_flag
    k[0x201] = 0x6a                                      # jump, over the header
    k[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", k, 0x206, 0x20f)              # version
    k[0x211] = 1                                         # loadflags: LOADED_HIGH
    struct.pack_into("<I", k, 0x22c, 0x7fffffff)         # initrd_addr_max
    struct.pack_into("<H", k, 0x236, 1)                  # xloadflags: XLF_KERNEL_64
    struct.pack_into("<I", k, 0x238, 2047)               # cmdline_size
    struct.pack_into("<Q", k, 0x258, 0x1000000)          # pref_address
    struct.pack_into("<I", k, 0x260, 0x100000)           # init_size
    k[4096 + 0x200:4096 + 0x200 + len(code)] = code
    return bytes(k)


def tiny_files(cmdline="halt", **more):
    config = {"version": 1, "kernel": "vmlinuz", "initrd": "initrd.img", "cmdline": cmdline,
              "memory": "64M", **more}
    return {"zone.json": json.dumps(config).encode(), "vmlinuz": tiny_kernel(),
            "initrd.img": TINY_INITRD}


def write(directory, files):
    """On this machine."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return directory


def put(node, directory, files):
    """In the node."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, contents in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(contents), 0o644
            tar.addfile(info, io.BytesIO(contents))
    node.check(f"mkdir -p '{directory}' && tar -x -C '{directory}'", input=data.getvalue())
    return directory


def redis_config():
    return json.loads((REDIS / "zone.json").read_text())


def redis_variant(node, directory, **changes):
    """The Redis image in the node with another zone.json; the files themselves are linked."""
    node.check(f"rm -rf '{directory}' && mkdir -p /tmp/images && cp -a {REDIS_IN_NODE} '{directory}'")
    node.put(json.dumps({**redis_config(), **changes}).encode(), f"{directory}/zone.json")
    return directory
