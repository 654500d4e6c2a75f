// SPDX-License-Identifier: Apache-2.0
#include "wire.h"
#include <string.h>
#include <jansson.h>

static bool varint(struct wire *wire, uint64_t *value)
{
	*value = 0;
	for (unsigned int shift = 0; shift < 64; shift += 7) {
		if (wire->at == wire->end)
			return false;
		uint8_t byte = *wire->at++;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool skip(struct wire *wire, uint64_t size)
{
	if (size > (uint64_t)(wire->end - wire->at))
		return false;
	wire->at += size;
	return true;
}

bool wire_next(struct wire *wire, struct wire_field *field)
{
	const struct wire start = *wire;
	uint64_t tag, value = 0;
	bool ok = false;

	*field = (struct wire_field){0};
	if (wire->at == wire->end)
		return false;
	if (varint(wire, &tag) && tag >> 3 <= UINT32_MAX) {
		field->number = (uint32_t)(tag >> 3);
		field->type = tag & 7;
		if (field->type == 0) {
			ok = varint(wire, &value);
		} else if (field->type == 1) {
			ok = skip(wire, 8);
		} else if (field->type == 5) {
			ok = skip(wire, 4);
		} else if (field->type == 2 && varint(wire, &value)) {
			field->content.data = wire->at;
			field->content.size = (size_t)value;
			ok = skip(wire, value);
		}
	}
	if (!ok)
		*wire = start;
	return ok;
}

static bool text_ok(struct bytes text)
{
	if (memchr(text.data, 0, text.size))
		return false;
	json_t *utf8 = json_stringn((const char *)text.data, text.size);
	json_decref(utf8);
	return utf8 != NULL;
}

ProtobufCMessage *wire_parse(const ProtobufCMessageDescriptor *type, const uint8_t *data,
			     size_t size, struct arena *arena)
{
	struct wire wire = {data, data + size};
	struct wire_field field;
	ProtobufCAllocator allocator = arena_allocator(arena);

	while (wire_next(&wire, &field)) {
		const ProtobufCFieldDescriptor *known =
			protobuf_c_message_descriptor_get_field(type, field.number);

		if (known && known->type == PROTOBUF_C_TYPE_STRING && field.type == 2 &&
		    !text_ok(field.content))
			return NULL;
	}
	if (wire.at != wire.end)
		return NULL;
	return protobuf_c_message_unpack(type, &allocator, size, data);
}
