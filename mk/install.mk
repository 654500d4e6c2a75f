# Installation. Nothing is compiled in: programs find their files, and pkg-config its directories,
# from where they are, so a prefix can be moved as a whole.
PREFIX ?= /usr/local
DESTDIR ?=
INSTALL_root := $(DESTDIR)$(PREFIX)
INSTALL_headers := $(wildcard include/cloister/*.h)
# What `cloister node install` puts elsewhere.
INSTALL_node := kernel-hook grub-entry
INSTALL_man := $(wildcard docs/man/*.[1-8])
# Everything that was ever installed, by its path under PREFIX.
# Not :=, as mk/verify.mk comes later.
INSTALL_files = bin/cloister bin/cloister-issuer \
	lib/cloister/zone-loader.elf lib/cloister/cloister-core.elf \
	lib/cloister/cloister.efi lib/cloister/reference.json $(INSTALL_node:%=lib/cloister/%) \
	lib/libcloister-verify.a lib/$(VERIFY_so) lib/libcloister-verify.so \
	lib/pkgconfig/libcloister-verify.pc $(INSTALL_headers:include/%=include/%) \
	$(patsubst share/%,share/cloister/%,$(wildcard share/schema/*.json)) \
	$(foreach m,$(INSTALL_man),share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))

#: make install        programs, library, headers, Core, manual pages (DESTDIR, PREFIX=/usr/local)
.PHONY: install
install: all
	$(call say,INSTALL,$(INSTALL_root))
	$(Q)install -d $(sort $(dir $(addprefix $(INSTALL_root)/,$(INSTALL_files))))
	$(Q)install -m 755 $(BUILD)/bin/cloister $(BUILD)/bin/cloister-issuer $(INSTALL_root)/bin
	$(Q)install -m 644 $(BUILD)/loader/zone-loader.elf $(BUILD)/core/cloister-core.elf \
		$(BUILD)/boot/cloister.efi $(BUILD)/boot/reference.json \
		$(INSTALL_node:%=share/node/%) $(INSTALL_root)/lib/cloister
	$(Q)install -m 644 $(BUILD)/lib/libcloister-verify.a $(BUILD)/lib/$(VERIFY_so) \
		$(INSTALL_root)/lib
	$(Q)ln -sf $(VERIFY_so) $(INSTALL_root)/lib/libcloister-verify.so
	$(Q)sed -e 's|@version@|$(VERSION)|' -e 's|@includedir@|$${pcfiledir}/../../include|' \
		-e 's|@libdir@|$${pcfiledir}/..|' verify/libcloister-verify.pc.in \
		>$(INSTALL_root)/lib/pkgconfig/libcloister-verify.pc
	$(Q)install -m 644 $(INSTALL_headers) $(INSTALL_root)/include/cloister
	$(Q)install -m 644 $(wildcard share/schema/*.json) $(INSTALL_root)/share/cloister/schema
	$(Q)for m in $(INSTALL_man); do \
		install -m 644 $$m $(INSTALL_root)/share/man/man$${m##*.}/; done

#: make uninstall      remove these files again, and directories of ours that are then empty
.PHONY: uninstall
uninstall:
	$(call say,REMOVE,$(INSTALL_root))
	$(Q)rm -f $(addprefix $(INSTALL_root)/,$(INSTALL_files))
	$(Q)for d in lib/cloister include/cloister share/cloister/schema share/cloister; do \
		[ ! -d $(INSTALL_root)/$$d ] || rmdir --ignore-fail-on-non-empty $(INSTALL_root)/$$d; done
