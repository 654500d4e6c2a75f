/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLOISTER_NODE_LISTEN_H
#define CLOISTER_NODE_LISTEN_H

#include "address.h"

/*
 * A listening TCP socket on a numeric address; port 0 becomes the one that was taken. A descriptor
 * or a negative errno.
 */
int listen_on(struct address *address);

#endif
