# The node: the emulated machine on which everything runs.
NODE := $(BUILD)/node

#: make node           the node's file systems (Debian's packages are fetched once, and cached)
.PHONY: node
node: $(NODE)/root.squashfs $(NODE)/initrd $(NODE)/payload.squashfs

$(NODE)/agent: node/agent/agent.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -o $@ $<

$(NODE)/root.squashfs: node/build node/packages
	$(Q)mkdir -p $(@D)
	$(Q)CLOISTER_CACHE=$(BUILD)/cache node/build $@

$(NODE)/initrd: $(NODE)/root.squashfs node/initrd/build node/initrd/init
	$(call say,NODE,$@)
	$(Q)node/initrd/build $< $(NODE)/vmlinuz $@

# What goes into it is whatever has been built by now, so it is made every time (a second).
.PHONY: $(NODE)/payload.squashfs
$(NODE)/payload.squashfs: $(NODE)/agent
	$(call say,NODE,$@)
	$(Q)node/payload $(BUILD) $@

# What runs a node first builds the programs, then (a make of its own) the disk that carries them.
RUN_NODE := $(MAKE) --no-print-directory node

#: make shell          a root console in a running node (PLAIN=1: without the Core)
.PHONY: shell
shell: setup
	$(Q)$(if $(PLAIN),:,$(MAKE) --no-print-directory all && $(MAKE) --no-print-directory images)
	$(Q)$(RUN_NODE)
	$(Q)node/run --shell --name shell $(if $(PLAIN),--plain) $(RUN)

#: make run-node       the node in the foreground; RUN="--memory 4G --forward 6379:6379 …"
.PHONY: run-node
run-node: $(if $(PLAIN),,all)
	$(Q)$(RUN_NODE)
	$(Q)node/run $(if $(PLAIN),--plain) $(RUN)

#: make node-test      node tests only; CASES=text picks some by name
.PHONY: node-test
node-test: all
	$(Q)$(RUN_NODE)
	$(Q)tests/node/run $(if $(CASES),-k '$(CASES)')
