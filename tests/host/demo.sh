#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The demo's own parts, without a node: frame table, TLS keys, schema, and the searcher on the
# memory of a real TLS server (its keys must be found, or the demo's zero would mean nothing).
exec /usr/bin/python3 tests/host/demo_parts.py
