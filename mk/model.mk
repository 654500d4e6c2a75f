# Model checks of the Core's real sources: docs/verification.md.

#: make verify         model checks in full: CBMC on the Core's sources, seeded faults, Spin
#: make verify-short   the same in minutes; what make test runs
.PHONY: verify verify-short
verify:
	$(Q)scripts/verify
verify-short:
	$(Q)scripts/verify --short
