# The firmware's event log, found by the firmware's map of memory.
UNIT += boot_log
boot_log_src := tests/unit/boot_log.c core/boot/boot_log.c core/lib/log.c core/lib/format.c \
	core/lib/uart.c
