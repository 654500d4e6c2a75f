# Evidence: the node, its AK's certificate, its quote.
UNIT += evidence_node
evidence_node_src = tests/unit/evidence_node.c $(FORGE_src)
evidence_node_flags = $(FORGE_flags)
evidence_node_libs = $(FORGE_libs)

$(BUILD)/unit/evidence_node: $(wildcard verify/*.h)
