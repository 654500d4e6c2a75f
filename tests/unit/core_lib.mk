UNIT += core_lib
core_lib_src := tests/unit/core_lib.c core/lib/cmdline.c core/lib/format.c core/lib/log.c \
	core/lib/uart.c
