# What agent and issuer say.
UNIT += issuer_wire
issuer_wire_src := tests/unit/issuer_wire.c issuer/wire.c core/evidence/cbor.c verify/cbor_in.c
$(BUILD)/unit/issuer_wire: $(wildcard issuer/*.h channel/*.h verify/*.h)
