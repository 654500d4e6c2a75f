# Enrolment: its messages and keys.
ENROL_common := tests/unit/enrol_make.c core/evidence/cbor.c verify/cbor_in.c \
	$(addprefix tools/node/,public.c)

UNIT += enrol
enrol_src := tests/unit/enrol.c $(ENROL_common) \
	$(addprefix tools/node/,credential.c wire.c bundle.c address.c) tools/launch/size.c
enrol_flags := -Itools/node
enrol_libs := -lcrypto
$(BUILD)/unit/enrol: $(wildcard tools/node/*.h verify/*.h)
