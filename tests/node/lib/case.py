# SPDX-License-Identifier: Apache-2.0
"""How a node test says what it needs.

A test is a function test_* in tests/node/test_*.py. With a parameter named `node` it gets a
running node, shared with every other test that wants the same options, whatever its module.

    NODE = {"forward": [(6379, 6379)]}      # options of Node for this module; default {}

    @case(timeout=300, dirty=True)
    def test_something(node):
        "What this shows, in one line."
        ...

Options of @case: timeout (seconds, 180); dirty (the node is ended afterwards); fresh (a node of
its own: ended before and afterwards); node (options for this case instead of the module's); long
(too long for `make test`: only `make test-full`, --long and a name that is asked for run it).
A test fails by any exception; skip("why") skips it.
"""


class Skip(Exception):
    pass


def skip(why):
    raise Skip(why)


def case(**options):
    unknown = set(options) - {"timeout", "dirty", "fresh", "node", "long"}
    if unknown:
        raise TypeError(f"@case has no option {', '.join(sorted(unknown))}")

    def mark(function):
        function.case = options
        return function
    return mark


def ends_of(text, most=2000):
    """What came first, which tells the cause, and what came last."""
    return text if len(text) <= 2 * most else f"{text[:most]}\n[...]\n{text[-most:]}"


def expect(condition, message, *evidence):
    """assert with its evidence, and not removed by python -O."""
    if not condition:
        shown = "\n".join(ends_of(str(e)) for e in evidence)
        raise AssertionError(f"{message}\n{shown}" if shown else message)
