# The issuer's policy file.
UNIT += issuer_policy
issuer_policy_src := tests/unit/issuer_policy.c issuer/policy.c spiffe/id.c spiffe/json.c tools/node/files.c verify/socket.c
issuer_policy_libs := -ljansson -lcrypto
$(BUILD)/unit/issuer_policy: $(wildcard issuer/*.h spiffe/*.h)
