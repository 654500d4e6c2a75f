/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's monitor protocol, as little of it as is needed. */
#ifndef CLOISTER_CLI_QMP_H
#define CLOISTER_CLI_QMP_H

/* The socket of a zone's monitor, for its QEMU to accept on. A descriptor or negative errno. */
int qmp_listen(const char *name);

/* Ask a zone's QEMU to quit. 0 once it has agreed, or negative errno, all within ms. */
int qmp_quit(const char *name, int ms);

/* 0 if the monitor greets within ms: QEMU has come up with all its devices. */
int qmp_greets(const char *name, int ms);

#endif
