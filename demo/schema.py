# SPDX-License-Identifier: Apache-2.0
"""Checks a document against a JSON Schema: of its vocabulary, what our schemas use.

A keyword that this does not know is an error, so that nothing is passed over in silence.
"""
import re

TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
    "number": (int, float), "integer": int,
}
ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}
KNOWN = ANNOTATIONS | {"$ref", "type", "required", "properties", "additionalProperties", "items",
                       "minimum", "pattern"}


def is_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def errors(value, schema, root=None, where="result"):
    """A list of what is wrong; empty if nothing is."""
    root = root or schema
    unknown = set(schema) - KNOWN
    if unknown:
        raise ValueError(f"schema uses {sorted(unknown)}, which this check does not know")
    found = []
    if "$ref" in schema:
        found += errors(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
    names = schema.get("type", list(TYPES))
    names = [names] if isinstance(names, str) else names
    if not any(is_type(value, name) for name in names):
        return found + [f"{where} is {value!r}, not {' or '.join(names)}"]
    if isinstance(value, dict):
        found += [f"{where}.{key} is missing" for key in schema.get("required", ())
                  if key not in value]
        for key, item in value.items():
            rule = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if rule is not None:
                found += errors(item, rule, root, f"{where}.{key}")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            found += errors(item, schema["items"], root, f"{where}[{i}]")
    if "minimum" in schema and is_type(value, "number") and value < schema["minimum"]:
        found.append(f"{where} is {value}, less than {schema['minimum']}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        found.append(f"{where} is {value!r}, which does not match {schema['pattern']}")
    return found
