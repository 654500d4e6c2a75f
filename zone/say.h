/* SPDX-License-Identifier: Apache-2.0 */
/* What init tells on the zone's console. The host reads all of it: never print a secret. */
#ifndef CLOISTER_ZONE_SAY_H
#define CLOISTER_ZONE_SAY_H

/* One line, "cloister-zone: …", in one write. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* Wait until the console has sent everything. */
void say_flush(void);

#endif
