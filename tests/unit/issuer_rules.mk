# What the issuer's program goes by, and what it reads of others: policies that are replaced, HTTP,
# relations with other trust domains.
UNIT += issuer_rules
issuer_rules_src = tests/unit/issuer_rules.c $(addprefix tools/issuer/,rules.c http_head.c relation.c) \
	issuer/policy.c spiffe/id.c spiffe/json.c tools/node/files.c tools/launch/size.c \
	verify/socket.c core/evidence/cbor.c $(VERIFY_test)
issuer_rules_flags = $(FORGE_flags)
issuer_rules_libs = $(FORGE_libs)
$(BUILD)/unit/issuer_rules: $(wildcard issuer/*.h spiffe/*.h tools/issuer/*.h verify/*.h)
