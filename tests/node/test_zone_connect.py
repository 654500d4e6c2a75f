# SPDX-License-Identifier: Apache-2.0
"""What a zone connects to: what --connect names, and nothing else.

Redis' own MIGRATE is the workload that connects out. In the other Redis' place is a program of the
node's that says OK to everything and keeps what it is sent."""
import json
import os

import zones
from case import case, expect
from images import REDIS_IN_NODE
from zones import NODE  # noqa: F401

SERVICE, OTHER, NOBODY = 5300, 5301, 5302
WAY, WAY_TO_NOBODY = 6390, 6391
SCRIPT = b"""#!/bin/sh
printf '+OK\\r\\n+OK\\r\\n+OK\\r\\n+OK\\r\\n'
cat >>/tmp/sent-$1
"""


def serve(node, port):
    node.popen(f"exec socat TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork "
               f"EXEC:'/tmp/service {port}'")
    node.check(f"until ss -ltn | grep -q 127.0.0.1:{port}; do sleep 0.1; done")


def migrate(redis, address, port, data):
    """Did it get there? Anything but "not connected" is a failure of the test."""
    redis.command("SET", "key", data)
    try:
        return redis.command("MIGRATE", address, port, "key", "0", "20000") == b"OK"
    except zones.RedisError as e:
        expect("IOERR" in str(e), "another error than that it could not be reached", e)
        return False


def sockets(node, pid):
    return int(node.check(f"readlink /proc/{pid}/fd/* | grep -c socket:; true"))


@case(timeout=900)
def test_reaches_what_it_may(node):
    "The service that --connect names answers the zone; other ports, addresses and zones it does not."
    node.run("cloister stop small")
    node.put(SCRIPT, "/tmp/service", 0o755)
    serve(node, SERVICE)
    serve(node, OTHER)
    node.check(f"cloister run --name small --connect {WAY}:127.0.0.1:{SERVICE} "
               f"--connect {WAY_TO_NOBODY}:127.0.0.1:{NOBODY} "
               f"--publish 0.0.0.0:{zones.PORTS['small'][1]}:6379 {REDIS_IN_NODE}", timeout=300)
    redis = zones.connect(node, "small")
    state = zones.inspect(node, "small")
    ways = [(w["zone_port"], w["address"], w["port"]) for w in state["connect"]]
    expect(ways == [(WAY, "127.0.0.1", SERVICE), (WAY_TO_NOBODY, "127.0.0.1", NOBODY)],
           "inspect does not show what it reaches", state["connect"])
    before = sockets(node, state["supervisor"]["pid"])

    data = os.urandom(1 << 20)  # which Redis does not compress
    expect(migrate(redis, "10.0.2.2", WAY, data), "the service was not reached",
           node.run("cloister logs --qemu small | tail").out)
    node.check(f"until [ $(stat -c %s /tmp/sent-{SERVICE}) -gt {len(data)} ]; do sleep 0.2; done",
               timeout=120)
    expect(data in node.get(f"/tmp/sent-{SERVICE}"), "something else arrived")
    expect(not migrate(redis, "10.0.2.2", WAY_TO_NOBODY, "v"), "somebody answered for nobody")
    for address, port in (("10.0.2.2", SERVICE), ("10.0.2.2", OTHER), ("10.0.2.3", WAY),
                          ("192.0.2.1", WAY), ("192.0.2.1", 80)):
        expect(not migrate(redis, address, port, "v"), "reached what it may not", address, port)
    expect(node.run(f"test -e /tmp/sent-{OTHER}").rc == 1, "something was sent to another port")
    log = node.check("cat /run/cloister/small/qemu.log")
    expect(f"QEMU may not connect to 127.0.0.1 port {OTHER}; see --connect" in log,
           "what was refused is not told", log)
    expect(migrate(redis, "10.0.2.2", WAY, "v"), "the service was not reached again")
    expect(sockets(node, state["supervisor"]["pid"]) == before, "the supervisor keeps sockets")
    expect(json.loads(node.check("cloister inspect small"))["status"] == "live", "the zone ended")
    redis.close()

    # A zone without any, at the same time.
    zones.live(node, "redis")
    redis = zones.client("redis")
    for port in (WAY, SERVICE):
        expect(not migrate(redis, "10.0.2.2", port, "v"), "a zone without --connect reached it", port)
    expect("may not connect" not in node.check("cat /run/cloister/redis/qemu.log"),
           "told of what is not there")
    redis.close()
    node.check("cloister stop small; pkill -x socat; rm -f /tmp/service /tmp/sent-*")
