# The issuer's keys and their rotation.
UNIT += issuer_keyring
issuer_keyring_src := tests/unit/issuer_keyring.c issuer/keyring.c issuer/keyring_file.c \
	$(wildcard spiffe/*.c) tools/node/files.c verify/socket.c
issuer_keyring_libs := -ljansson -lcrypto -lpthread
$(BUILD)/unit/issuer_keyring: $(wildcard issuer/*.h spiffe/*.h)
