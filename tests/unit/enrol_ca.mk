# The enrolment CA, and whose endorsement key it takes.
UNIT += enrol_ca
enrol_ca_src := tests/unit/enrol_ca.c $(ENROL_common) verify/socket.c tools/cloister/options.c \
	$(addprefix tools/node/,ak_cert.c ca.c ca_x509.c ek_cert.c files.c nodes.c) tools/launch/size.c
enrol_ca_flags := -Itools/node
enrol_ca_libs := -lcrypto -ljansson
$(BUILD)/unit/enrol_ca: $(wildcard tools/node/*.h verify/*.h)
