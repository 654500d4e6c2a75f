/* SPDX-License-Identifier: Apache-2.0 */
/* The zone's virtio-serial ports. What comes out of them is the host's word. */
#ifndef CLOISTER_ZONE_PORT_H
#define CLOISTER_ZONE_PORT_H

#define PORT_TPM     "cloister.tpm"
#define PORT_CONTROL "cloister.control"

/* Open the port with this name. Returns a descriptor, or a negative errno: -ENOENT, no such port.
 */
int port_open(const char *name);

#endif
