/* SPDX-License-Identifier: Apache-2.0 */
/* One function a case; main.c has the list. */
#ifndef TESTS_SCENARIOS_H
#define TESTS_SCENARIOS_H

/* launch.c */
void t_launch(void);
void t_descriptor(void);
void t_segments(void);
void t_parameters(void);
void t_promised(void);
void t_caller(void);
void t_small_windows(void);
void t_core_memory_as_ram(void);

/* inside.c */
void t_instructions(void);
void t_msrs(void);
void t_msr_values(void);
void t_cpuid(void);
void t_debugregs(void);
void t_plain_debugregs(void);
void t_zone_calls(void);
void t_exit(void);
void seal_key(const char *context, const char *extra);
void t_triple_fault(void);
void t_fetch_shared(void);
void t_tables_shared(void);
void t_outside_ram(void);
void t_hole(void);
void t_convert(void);
void t_stopped_by_host(void);

/* pages.c */
void keep_busy(void);
void t_plain_pages(void);
void t_host_reads(void);
void t_window(void);
void t_idle(void);
void t_tampered(void);
void t_replayed(void);
void t_exchanged(void);
void t_memory_moved(void);
void t_memory_replaced(void);
void t_memory_dropped(void);
void t_one_frame_twice(void);
void t_other_zone_lives(void);
void t_scrubbed(void);
void t_many_lives(void);
void t_many_at_once(void);
void hold(void);

/* host.c */
void t_plain_registers(void);
void t_registers(void);
void t_set_registers(void);
void t_reset(void);
void t_interrupts(void);
void t_bad_interrupts(void);
void t_dead_stays_dead(void);
void t_next_guest(void);
void t_host_calls(void);
void boot_log(void);
void t_launch_again(void);

#endif
