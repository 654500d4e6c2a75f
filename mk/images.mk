# Zone images: kernel, initrd, root file system and its hash tree, from Debian's packages.
# IMAGE_PROGRAMS_name: static programs of our own that go into the image.
IMAGES := $(patsubst images/%/recipe,%,$(wildcard images/*/recipe))

define image_rule
$(BUILD)/images/$(1)/zone.json: images/build $(BUILD)/zone/init mk/images.mk \
		$(shell find images/$(1) -type f | sort)
	$$(Q)images/build $(1) $$(@D) $(BUILD)/cache/images $(BUILD)/zone/init $$(IMAGE_PROGRAMS_$(1))
	$$(Q)touch $$@
.PHONY: image-$(1)
image-$(1): $(BUILD)/images/$(1)/zone.json
endef
$(foreach i,$(IMAGES),$(eval $(call image_rule,$(i))))

#: make images         all zone images (make image-redis: only that one)
# Not the benchmarks' own, which `make bench` makes.
.PHONY: images
images: $(filter-out image-bench,$(IMAGES:%=image-%))
