# SPDX-License-Identifier: Apache-2.0
"""A workload that has broken out of its QEMU has gained nothing.

tests/jail/breakout.c stands in QEMU's place, in the very jail that `cloister run` makes, beside a
real zone whose QEMU is its victim. Each of its attempts has to succeed without the jail."""
import json
import re

import zones
from case import case, expect
from test_bad_input import RUN, tiny
from zones import nothing_left

NODE = zones.NODE
BREAKOUT = "/usr/lib/cloister-tests/cl-breakout"
# What it is to have: the port that is published, and KVM.
DESIGNED = {"net-published", "device-kvm"}
# A host need not have the driver.
OPTIONAL = {"net-vsock"}


def service(node):
    """A service of the host's, on its loopback address and on an abstract socket: its port."""
    node.popen("exec socat TCP-LISTEN:5200,bind=127.0.0.1,reuseaddr,fork -")
    node.popen("exec socat ABSTRACT-LISTEN:cloister-test-service,fork -")
    node.check("until ss -ltn | grep -q :5200 && ss -lx | grep -q @cloister-test-service; do "
               "sleep 0.1; done")
    return 5200


def breakout(node, name, options, victim, port):
    """Runs it; gives {attempt: did it get what it wanted} and all that it printed."""
    node.check(f"install -m 4755 {BREAKOUT} /root/suid; chmod 755 /root; "
               f"cloister run --quiet --plain {options} --name {name} --qemu {BREAKOUT} "
               f"--publish 127.0.0.1:5201:80 --qemu-arg victim={victim} --qemu-arg service={port} "
               f"--qemu-arg published=5201 --qemu-arg other=5202 --qemu-arg hog=900 "
               f"--qemu-arg suid@/root/suid {tiny(node)} 9</etc/shadow")
    text = node.check(f"cat /run/cloister/{name}/qemu.log")
    expect("breakout: done" in text, "it did not get to its end", text)
    return {m[1]: m[2] == "got" for m in
            re.finditer(r"^breakout: ([a-z-]+) (got|no)\b", text, re.M)}, text


def ask_for_memory(node, name):
    """Has it take 900 MiB; gives what it says, "" if it did not survive."""
    pid = zones.inspect(node, name)["qemu"]["pid"]
    log = f"/run/cloister/{name}/qemu.log"
    node.run(f"socat -t 1 - UNIX-CONNECT:/run/cloister/{name}/qmp.sock", input='{"execute":"hog"}\n')
    node.check(f"until grep -q limit-memory {log} || ! kill -0 {pid}; do sleep 0.2; done")
    return node.run(f"grep limit-memory {log}").out


@case(timeout=600)
def test_breakout_gains_nothing(node):
    "A program in QEMU's place tries all that it can; without the jail it gets it."
    node.check("cloister stop --all")
    node.check(f"{RUN} --name victim {tiny(node)}")
    before = zones.inspect(node, "victim")
    port = service(node)
    jailed, text = breakout(node, "inside", "", before["qemu"]["pid"], port)
    state = json.loads(node.check("cloister inspect inside"))
    group = f"/sys/fs/cgroup/cloister/{state['jail']['id']}"
    limits = node.check(f"cd {group}; cat memory.max pids.max cpu.weight memory.oom.group").split()
    # Its own memory, then its end: of all of it, by the kernel.
    said = ask_for_memory(node, "inside")
    node.check("until cloister inspect inside | grep -q '\"ended\": [1-9]'; do sleep 0.2; done")
    reason = zones.inspect(node, "inside")["reason"]
    node.check("cloister stop inside")

    control, control_text = breakout(node, "outside", "--no-jail", before["qemu"]["pid"], port)
    control_said = ask_for_memory(node, "outside")
    expect(zones.inspect(node, "outside")["jail"] is None, "inspect does not show that there is none")
    node.check("cloister stop outside")

    expect(set(jailed) == set(control) and len(jailed) > 40, "not all was tried", text, control_text)
    useless = {n for n, got in control.items() if not got} - OPTIONAL
    expect(not useless, "attempts that fail without the jail, too", useless, control_text)
    gained = {n for n, got in jailed.items() if got}
    expect(gained == DESIGNED, "it got something else than it should", gained ^ DESIGNED, text)
    expect("killed by signal 9" in reason and "got" not in said, "the memory limit", reason, said)
    expect("got" in control_said, "the memory limit's control", control_said)
    expect(limits[1:] == ["256", "100", "1"] and 64 << 20 < int(limits[0]) < 900 << 20,
           "other limits", limits)
    after = zones.inspect(node, "victim")
    expect(after["status"] == "live" and after["core"]["state"] == "live", "the victim has ended",
           after)
    node.check("cloister stop victim; pkill -x socat; rm -f /root/suid")
    nothing_left(node)


@case(timeout=400)
def test_zone_is_jailed(node):
    "A real zone's QEMU: user, capabilities, filter, namespaces, root, descriptors, control group."
    node.check("cloister stop --all")
    node.check(f"{RUN} --cpu-weight 50 --name one {tiny(node)}")
    node.check(f"{RUN} --name two {tiny(node)}")
    one, two = zones.inspect(node, "one"), zones.inspect(node, "two")
    ids = {z["jail"]["id"] for z in (one, two)}
    expect(len(ids) == 2 and min(ids) >= 0x70000000, "ids", ids)
    pid, other = one["qemu"]["pid"], two["qemu"]["pid"]
    status = dict(line.split(":", 1) for line in
                  node.check(f"cat /proc/{pid}/status").splitlines())
    for key in ("Uid", "Gid"):
        expect(set(status[key].split()) == {str(one["jail"]["id"])}, key, status[key])
    for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        expect(int(status[key], 16) == 0, key, status[key])
    expect(not status["Groups"].strip() and status["NoNewPrivs"].strip() == "1" and
           status["Seccomp"].strip() == "2" and int(status["Seccomp_filters"]) == 2,
           "status", status)
    for kind in ("mnt", "pid", "net", "ipc", "uts", "cgroup"):
        links = node.check(f"readlink /proc/self/ns/{kind} /proc/{pid}/ns/{kind} "
                           f"/proc/{other}/ns/{kind}").split()
        expect(len(set(links)) == 3, f"{kind} namespaces", links)
    expect(node.check(f"ls -A /proc/{pid}/root").split() == ["dev", "lib", "lib64", "proc", "usr"],
           "its root", node.run(f"ls -A /proc/{pid}/root").out)
    expect(node.check(f"ls -A /proc/{pid}/root/dev").split() == ["kvm", "null", "urandom", "zero"],
           "its devices")
    mounts = node.check(f"cat /proc/{pid}/mountinfo").splitlines()
    expect(all(re.search(r" (ro),nosuid", m) for m in mounts), "a mount that can be written or has "
           "setuid programs", mounts)
    links = node.check(f"readlink /proc/{pid}/fd/*").split("\n")
    strange = [l for l in links if l and not re.match(
        r"/dev/(null|kvm)$|(/memfd:cloister-|anon_inode:|socket:|pipe:)|/run/cloister/one/|"
        r"/usr/lib/cloister/zone-loader[.]elf$", l)]
    expect(not strange, "descriptors", strange)
    expect(node.check(f"cat /proc/{pid}/cgroup").strip() == f"0::/cloister/{one['jail']['id']}",
           "control group")
    usage = int(node.check(f"cat /sys/fs/cgroup/cloister/{one['jail']['id']}/memory.current"))
    expect(usage > 64 << 20, "the zone's RAM does not count for its group", usage)
    expect(node.check(f"cat /sys/fs/cgroup/cloister/{one['jail']['id']}/cpu.weight").strip() == "50",
           "CPU weight")
    node.check("cloister stop one two")
    nothing_left(node)


@case(timeout=400)
def test_killed_supervisor(node):
    "With its supervisor a jailed QEMU dies, the Core is told, and no part of the jail stays."
    node.check("cloister stop --all")
    node.check(f"{RUN} --name gone {tiny(node)}")
    state = zones.inspect(node, "gone")
    pids = [state[w]["pid"] for w in ("qemu", "guardian")]
    log = node.core_log()
    node.check(f"kill -9 {state['supervisor']['pid']}; for p in {pids[0]} {pids[1]}; do "
               "while [ -d /proc/$p ]; do sleep 0.1; done; done")
    log.wait_for(rf"zone {state['instance']} ended: ended by the host", 60)
    row = json.loads(node.check("cloister ps --json"))[0]
    expect(row["status"] == "ended" and row["reason"] == "ended by the host" or
           "supervisor was killed" in row["reason"], "ps", row)
    expect(node.run(f"test -e /sys/fs/cgroup/cloister/{state['jail']['id']}").rc == 1,
           "its control group is left")
    node.check("cloister stop gone")
    nothing_left(node)


@case(timeout=400)
def test_given_files(node):
    "A file that --file gives: read where it may only be read, written where it may be written."
    node.check("cloister stop --all")
    image = tiny(node)
    node.check("truncate -s 1M /root/disk; chmod 600 /root/disk")
    for mode, written in (("", False), (":rw", True)):
        readonly = "" if written else ",readonly=on"
        node.check(f"{RUN} --name disk --file /root/disk{mode} --qemu-arg -drive --qemu-arg "
                   f"file=/root/disk,format=raw,if=none,id=d{readonly} {image}")
        pid = zones.inspect(node, "disk")["qemu"]["pid"]
        links = node.check(f"ls -l /proc/{pid}/fd | grep /root/disk")
        expect(("rwx" in links) == written, "opened otherwise than asked for", links)
        node.check("cloister stop disk")
    refused = node.run(f"{RUN} --name disk --file /root/disk --qemu-arg -blockdev --qemu-arg "
                       f"driver=file,node-name=d,filename=/root/disk {image}")
    expect(refused.rc == 18, "writing to a file that was given for reading", refused.err)
    # A monitor of the user's own is a listener that nobody has published.
    refused = node.run(f"{RUN} --name disk --qemu-arg -gdb --qemu-arg tcp:127.0.0.1:5203 {image}")
    expect(refused.rc == 18 and "may not listen on 127.0.0.1 port 5203" in refused.err,
           "a debugger's port", refused.err)
    nothing_left(node)


@case(timeout=400)
def test_no_control_groups(node):
    "A host without what the jail needs: exit code 22, what to do, nothing left; --no-jail runs."
    node.check("cloister stop --all")
    image = tiny(node)
    result = node.run(f"CLOISTER_CGROUP=/tmp/none {RUN} {image}")
    expect(result.rc == 22 and "--no-jail" in result.err, "no cgroup v2", result)
    result = node.run(f"unshare -m sh -c 'umount -l /sys/fs/cgroup; exec {RUN} {image}'")
    expect(result.rc == 22 and "no cgroup v2" in result.err, "not mounted", result)
    nothing_left(node)
    result = node.run(f"CLOISTER_CGROUP=/tmp/none {RUN} --no-jail --name free {image}")
    expect(result.rc == 0 and "warning: --no-jail" in result.err, "--no-jail", result)
    expect(zones.inspect(node, "free")["jail"] is None, "inspect does not show it")
    node.check("cloister stop free")
    nothing_left(node)
