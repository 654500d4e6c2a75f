// SPDX-License-Identifier: Apache-2.0
#include "reflection.h"
#include <grpc/reflection/v1/reflection.pb-c.h>
#include "account.h"
#include "blob.h"
#include "limits.h"
#include "schema.h"
#include "wire.h"

// Long generated names, once.
typedef Grpc__Reflection__V1__ServerReflectionRequest request_t;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_t;
typedef Grpc__Reflection__V1__ServiceResponse service_t;
typedef Grpc__Reflection__V1__ListServiceResponse services_t;
typedef Grpc__Reflection__V1__FileDescriptorResponse files_t;
typedef Grpc__Reflection__V1__ErrorResponse failure_t;

// What it points to is its caller's, and not to be used again.
static void pack_and_send(struct grpc_call *call, response_t *response)
{
	struct blob *blob = blob_pack(call->session->account, &response->base);

	response->message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE__NOT_SET;
	response->error_response = NULL;
	if (blob)
		grpc_send(call, blob);
	else
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "too much waits to be read by this uid");
}

static void send_error(struct grpc_call *call, response_t *response, enum grpc_status status,
		       const char *why)
{
	failure_t error;

	grpc__reflection__v1__error_response__init(&error);
	error.error_code = (int32_t)status;
	error.error_message = (char *)(uintptr_t)why;
	response->message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
	response->error_response = &error;
	pack_and_send(call, response);
}

static void send_files(struct grpc_call *call, response_t *response, const struct bytes *found,
		       size_t count)
{
	files_t files = GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
	ProtobufCBinaryData list[SCHEMA_FILES_MAX];

	if (!count) {
		send_error(call, response, GRPC_NOT_FOUND, "there is nothing of that name");
		return;
	}
	for (size_t i = 0; i < count; i++)
		list[i] = (ProtobufCBinaryData){.len = found[i].size,
						.data = (uint8_t *)(uintptr_t)found[i].data};
	files.n_file_descriptor_proto = count;
	files.file_descriptor_proto = list;
	response->message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
	response->file_descriptor_response = &files;
	pack_and_send(call, response);
}

static void send_services(struct grpc_call *call, response_t *response)
{
	services_t services = GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	char names[SCHEMA_SERVICES_MAX][64];
	service_t list[SCHEMA_SERVICES_MAX], *pointers[SCHEMA_SERVICES_MAX];

	services.n_service = schema_services(names);
	services.service = pointers;
	for (size_t i = 0; i < services.n_service; i++) {
		grpc__reflection__v1__service_response__init(&list[i]);
		list[i].name = names[i];
		pointers[i] = &list[i];
	}
	response->message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
	response->list_services_response = &services;
	pack_and_send(call, response);
}

static void answer(struct grpc_call *call, request_t *request)
{
	response_t response;
	struct bytes files[SCHEMA_FILES_MAX];

	grpc__reflection__v1__server_reflection_response__init(&response);
	response.valid_host = request->host;
	response.original_request = request;
	switch (request->message_request_case) {
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
		send_services(call, &response);
		break;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
		send_files(call, &response, files, schema_file(request->file_by_filename, files));
		break;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
		send_files(call, &response, files,
			   schema_symbol(request->file_containing_symbol, files));
		break;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
		send_error(call, &response, GRPC_NOT_FOUND, "nothing here has extensions");
		break;
	default:
		send_error(call, &response, GRPC_INVALID_ARGUMENT, "nothing is asked for");
	}
}

static void asked(struct grpc_call *call, const uint8_t *message, size_t size)
{
	struct arena arena = {.left = SCRATCH_MAX};
	request_t *request = (request_t *)wire_parse(
		&grpc__reflection__v1__server_reflection_request__descriptor, message, size,
		&arena);

	if (request)
		answer(call, request);
	else
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "the request is malformed");
	arena_empty(&arena);
}

const struct grpc_method reflection_v1 = {
	.path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	.many = true,
	.request = asked};
const struct grpc_method reflection_v1alpha = {
	.path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	.many = true,
	.request = asked};
