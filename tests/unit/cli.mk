# cloister's own parts: options, QEMU's arguments, state files.
UNIT += cli
cli_src := tests/unit/cli.c $(addprefix tools/cloister/,options.c qemu_args.c given.c state.c process.c \
	   message.c exit_names.c console.c) tools/launch/size.c
cli_flags := -Itools/cloister
cli_libs := -ljansson
$(BUILD)/unit/cli: $(wildcard tools/cloister/*.h tools/launch/*.h)
