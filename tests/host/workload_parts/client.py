# SPDX-License-Identifier: Apache-2.0
"""A Workload API client on Debian's grpcio, with messages that protoc makes of a client's .proto."""
import importlib
import os
import subprocess
import sys

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
SECURITY = (('workload.spiffe.io', 'true'),)
METHODS = {
    'FetchX509SVID': ('X509SVID', True), 'FetchX509Bundles': ('X509Bundles', True),
    'FetchJWTSVID': ('JWTSVID', False), 'FetchJWTBundles': ('JWTBundles', True),
    'ValidateJWTSVID': ('ValidateJWTSVID', False), 'FetchWITSVID': ('WITSVID', True),
    'FetchWITBundles': ('WITBundles', True),
}


def messages(directory):
    """The messages' module: of the standard's own file if its path is given."""
    proto = os.environ.get('SPIFFE_WORKLOAD_PROTO') or os.path.join(HERE, 'client.proto')
    if not os.path.exists(os.path.join(directory, 'made')):
        subprocess.run(['protoc', '-I' + os.path.dirname(proto), '-I/usr/include',
                        '--python_out=' + directory, proto], check=True)
        with open(os.path.join(directory, 'made'), 'w', encoding='ascii'):
            pass
    sys.path.insert(0, directory)
    return importlib.import_module(os.path.basename(proto)[:-len('.proto')] + '_pb2')


class Client:
    def __init__(self, socket, pb, options=()):
        self.pb = pb
        # A channel of its own, not one that grpcio shares among equal ones.
        self.channel = grpc.insecure_channel(
            'unix:' + socket, options=(('grpc.use_local_subchannel_pool', 1), *options))

    def __call__(self, method, metadata=SECURITY, timeout=10, **request):
        name, stream = METHODS[method]
        make = self.channel.unary_stream if stream else self.channel.unary_unary
        call = make('/SpiffeWorkloadAPI/' + method,
                    getattr(self.pb, name + 'Request').SerializeToString,
                    getattr(self.pb, name + 'Response').FromString)
        return call(getattr(self.pb, name + 'Request')(**request), metadata=metadata,
                    timeout=timeout)

    def error(self, method, **kwargs):
        """The status' name that a call ends with."""
        try:
            answer = self(method, **kwargs)
            if METHODS[method][1]:
                for _ in answer:
                    pass
            return 'OK'
        except grpc.RpcError as e:
            return e.code().name

    def close(self):
        self.channel.close()
