// SPDX-License-Identifier: Apache-2.0
// The same as ask.py by npm's @grpc/grpc-js. node ask.cjs SOCKET PROTO METHOD [REQUEST]
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [socket, proto, method, request] = process.argv.slice(2);
const definition = loader.loadSync(proto, {keepCase: true, bytes: String, includeDirs: ['/usr/include']});
const API = grpc.loadPackageDefinition(definition).SpiffeWorkloadAPI;
const client = new API('unix:' + socket, grpc.credentials.createInsecure());
const security = new grpc.Metadata();
security.set('workload.spiffe.io', 'true');

function done(answer) {
	console.log(JSON.stringify(answer));
	process.exit(0);
}
const failed = (e) => done({error: grpc.status[e.code], details: e.details});
const options = {deadline: Date.now() + 20000};
const message = JSON.parse(request || '{}');
if (API.service[method].responseStream)
	client[method](message, security, options).once('data', done).once('error', failed);
else
	client[method](message, security, options, (error, answer) => (error ? failed(error) : done(answer)));
