# SPDX-License-Identifier: Apache-2.0
"""Several CPUs: the host's under the Core, a zone's under the host."""
import json

from case import case, expect
from images import REDIS, REDIS_IN_NODE
from zones import PORTS, client, cloister, connect, core, inspect

NODE = {"smp": 4, "memory": "4G", "forward": [PORTS["redis"]], "core_args": "loglevel=debug"}
VMM = "/usr/lib/cloister-tests/cl-vmm"


def test_host_cpus(node):
    "The Core starts every CPU, and the host gets all of them, each by the Core's own start-up."
    node.core_log().wait_for(r"\] 4 CPUs")
    expect(node.check("nproc").strip() == "4", "the host's CPUs")
    for cpu in (1, 2, 3):
        node.core_log().wait_for(rf"host: CPU {cpu} starts at 0x")


def test_off_and_on(node):
    "CPUs that the host takes down and brings up again work: INIT and start-up played by the Core."
    for cpu in (1, 2, 3):
        node.check(f"echo 0 > /sys/devices/system/cpu/cpu{cpu}/online")
    expect(node.check("nproc").strip() == "1", "CPUs are still there")
    for cpu in (1, 2, 3):
        node.check(f"echo 1 > /sys/devices/system/cpu/cpu{cpu}/online")
    for cpu in range(4):
        expect(node.check(f"taskset -c {cpu} nproc").strip() == "1", f"CPU {cpu} does not work")
    starts = node.core_log().text().count("host: CPU 2 starts")
    expect(starts == 2, f"CPU 2 has started {starts} times")


def test_all_at_once(node):
    "Zones with hostile VMMs on every CPU at the same time, beside ordinary guests: all as alone."
    node.check(f"{VMM} launch")  # the first zone takes pages that all share, for good
    free = core(node)["pool_free"]
    cases = ["launch", "surrendered", "window", "registers"]
    found = node.run("pids=; " + " ".join(
        f"taskset -c {i} {VMM} {c} > /tmp/smp.{i} 2>&1 & pids=\"$pids $!\";"
        for i, c in enumerate(cases)) + " rc=0; for p in $pids; do wait $p || rc=1; done; "
        "cat /tmp/smp.*; exit $rc", timeout=240)
    # Only the count of the Core's pages may differ: the others' zones hold some meanwhile.
    wrong = [line for line in found.out.splitlines()
             if line.startswith("FAIL") and "Core pages" not in line]
    expect(not wrong and "FAIL" not in found.err, "a case failed", found.out, found.err)
    expect(core(node)["pool_free"] == free, "Core pages are gone")


@case(timeout=600)
def test_zone_of_four(node):
    "A zone of 4 vCPUs with Redis, whose vCPUs move between CPUs while it is written to."
    measured = cloister("measure", "--vcpus", 4, REDIS).stdout.split()[-1]
    one = cloister("measure", REDIS).stdout.split()[-1]
    expect(measured != one, "the number of vCPUs does not enter the digest")
    node.check(f"cloister run --name redis --vcpus 4 --window 64M --publish "
               f"0.0.0.0:{PORTS['redis'][1]}:6379 {REDIS_IN_NODE}", timeout=400)
    state = inspect(node, "redis")
    expect(state["core"]["vcpus"] == 4 and state["digest"] == measured, "not what was measured",
           json.dumps(state))
    connect(node, "redis").close()
    redis = client("redis")
    pid = state["qemu"]["pid"]
    for round_ in range(8):
        node.check(f"i={round_}; for t in /proc/{pid}/task/*; do "
                   "taskset -pc $((i++ % 4)) ${t##*/} > /dev/null || [ ! -d $t ] || exit 1; done")
        for i in range(20):
            redis.command("SET", f"k{round_}.{i}", f"{round_ * i}" * 50)
    for round_ in range(8):
        for i in range(20):
            expect(redis.command("GET", f"k{round_}.{i}") == (f"{round_ * i}" * 50).encode(),
                   f"a write was lost: k{round_}.{i}")
    redis.close()
    expect(inspect(node, "redis")["status"] == "live", "the zone has ended")
    node.check("cloister stop redis")
