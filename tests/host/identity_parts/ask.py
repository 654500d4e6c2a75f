# SPDX-License-Identifier: Apache-2.0
"""A zone's user who asks the Workload API, by Debian's grpcio: JSON lines, one for each message.

ask.py SOCKET DIRECTORY METHOD [REQUEST] [stream]     DIRECTORY: where the messages' module is
A stream goes on until the caller ends it; without "stream" its first message is all. Bytes are
base64. The last line of a call that failed is {"error": STATUS, "details": TEXT}.
"""
import json
import os
import sys

import grpc
from google.protobuf import json_format

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../workload_parts'))
from client import METHODS, Client, messages  # noqa: E402


def put(message):
    print(json.dumps(json_format.MessageToDict(message, preserving_proto_field_name=True)),
          flush=True)


socket, directory, method = sys.argv[1:4]
client = Client(socket, messages(directory))
streaming = 'stream' in sys.argv[4:]
request = json.loads(sys.argv[4]) if len(sys.argv) > 4 and not streaming else {}
try:
    answer = client(method, timeout=600 if streaming else 20, **request)
    if not METHODS[method][1]:
        put(answer)
    while METHODS[method][1]:
        put(next(answer))
        if not streaming:
            break
except grpc.RpcError as e:
    print(json.dumps({'error': e.code().name, 'details': e.details()}))
