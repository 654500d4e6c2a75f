/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server's services and messages look like: the FileDescriptorSet (google/protobuf/
 * descriptor.proto) that protoc made of agent/proto, as it was built in.
 */
#ifndef AGENT_SCHEMA_H
#define AGENT_SCHEMA_H

#include "identity.h"

#define SCHEMA_FILES_MAX    8u
#define SCHEMA_SERVICES_MAX 8u

/* A FileDescriptorProto and those that it imports, itself first. How many; 0: there is none. */
size_t schema_file(const char *name, struct bytes files[SCHEMA_FILES_MAX]);
/* The same of the file that a service, a method, a message, an enum or a field is in, by its full
 * name. */
size_t schema_symbol(const char *symbol, struct bytes files[SCHEMA_FILES_MAX]);
/* The services' full names, in the room given. How many. */
size_t schema_services(char names[SCHEMA_SERVICES_MAX][64]);

#endif
