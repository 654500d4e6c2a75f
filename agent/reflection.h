/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC server reflection (grpc/grpc, doc/server-reflection.md): what this server answers, for
 * tools. */
#ifndef AGENT_REFLECTION_H
#define AGENT_REFLECTION_H

#include "grpc.h"

/* One protocol under two names. */
extern const struct grpc_method reflection_v1, reflection_v1alpha;

#endif
