# JWT-SVIDs, and the keys that sign them.
UNIT += spiffe_jwt
spiffe_jwt_src = tests/unit/spiffe_jwt.c tests/unit/spiffe_forge.c $(SPIFFE_src)
spiffe_jwt_flags = -Ispiffe
spiffe_jwt_libs = $(SPIFFE_libs)
$(BUILD)/unit/spiffe_jwt: $(wildcard spiffe/*.[ch] verify/base64url.h)
