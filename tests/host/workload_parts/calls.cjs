// SPDX-License-Identifier: Apache-2.0
// The Workload API as npm's @grpc/grpc-js sees it: TAP lines. node calls.cjs SOCKET PROTO FIFO SECOND
// What is written to the FIFO commands the server; SECOND is another snapshot for it.
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [socket, proto, commands, second] = process.argv.slice(2);
const OWN = 'spiffe://example.org';
let failed = false;

function check(name, ok, note) {
	failed ||= !ok;
	console.log(`${ok ? 'ok' : 'not ok'} grpc-js: ${name}`);
	if (!ok && note !== undefined) console.log('#', note);
}
const equal = (name, got, want) =>
	check(name, JSON.stringify(got) === JSON.stringify(want), `${JSON.stringify(got)}`);

const definition = loader.loadSync(proto, {keepCase: true, includeDirs: ['/usr/include']});
const API = grpc.loadPackageDefinition(definition).SpiffeWorkloadAPI;
const client = new API('unix:' + socket, grpc.credentials.createInsecure());
const security = new grpc.Metadata();
security.set('workload.spiffe.io', 'true');

const unary = (method, request, metadata = security) => new Promise((resolve) => {
	client[method](request, metadata, {deadline: Date.now() + 10000},
		(error, answer) => resolve(error ? grpc.status[error.code] : answer));
});
// A stream as a queue: next() gives a message, or the status' name.
function stream(method, metadata = security) {
	const call = client[method]({}, metadata), got = [], waiting = [];
	const put = (x) => (waiting.length ? waiting.shift()(x) : got.push(x));
	call.on('data', put);
	call.on('error', (e) => put(grpc.status[e.code]));
	return {
		call,
		next: () => (got.length ? Promise.resolve(got.shift()) : new Promise((r) => waiting.push(r))),
		none: (ms) => new Promise((r) => setTimeout(() => r(got.length === 0), ms)),
	};
}

async function main() {
	const svids = stream('FetchX509SVID'), bundles = stream('FetchX509Bundles');
	let m = await svids.next();
	equal('FetchX509SVID', m.svids.map((s) => [s.spiffe_id, s.x509_svid_key.toString(), s.bundle.toString(), s.hint]),
		[[OWN + '/first', 'key of first', 'CAs', 'h']]);
	equal('federated', Object.keys(m.federated_bundles), ['spiffe://other.example']);
	m = await bundles.next();
	equal('FetchX509Bundles', Object.keys(m.bundles), [OWN, 'spiffe://other.example']);
	m = await stream('FetchJWTBundles').next();
	equal('FetchJWTBundles', m.bundles[OWN].toString(), '{"keys":[]}');
	m = await unary('FetchJWTSVID', {audience: ['aud']});
	equal('FetchJWTSVID', m.svids, [{spiffe_id: OWN + '/first', svid: `token:${OWN}/first:aud`, hint: 'h'}]);
	m = await unary('ValidateJWTSVID', {audience: 'me', svid: 'good'});
	equal('ValidateJWTSVID', [m.spiffe_id, m.claims.fields.exp.numberValue], [OWN + '/someone', 1900000000]);
	equal('bad token', await unary('ValidateJWTSVID', {audience: 'me', svid: 'bad'}), 'INVALID_ARGUMENT');
	equal('no audience', await unary('FetchJWTSVID', {}), 'INVALID_ARGUMENT');
	for (const method of ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles', 'FetchWITSVID'])
		equal(`${method} without metadata`, await stream(method, new grpc.Metadata()).next(), 'INVALID_ARGUMENT');
	equal('FetchWITSVID', await stream('FetchWITSVID').next(), 'UNIMPLEMENTED');
	equal('FetchWITBundles', await stream('FetchWITBundles').next(), 'UNIMPLEMENTED');
	const many = Array.from({length: 60}, () => stream('FetchX509SVID'));
	check('60 streams', (await Promise.all(many.map((s) => s.next()))).every((x) => x.svids));
	fs.writeFileSync(commands, `load ${second}\n`);
	m = await svids.next();
	equal('rotation', m.svids.map((s) => s.x509_svid.toString()), ['new chain']);
	check('rotation to all', (await Promise.all(many.map((s) => s.next()))).every((x) => x.svids[0].x509_svid.toString() === 'new chain'));
	check('nothing to the bundles', await bundles.none(300));
	many.forEach((s) => s.call.cancel());
	equal('after aborted calls', (await stream('FetchX509SVID').next()).svids.length, 1);
	fs.writeFileSync(commands, 'end\n');
	equal('end', await svids.next(), 'UNAVAILABLE');
	client.close();
	process.exit(failed ? 1 : 0);
}
setTimeout(() => { check('in time', false); process.exit(1); }, 30000).unref();
main().catch((e) => { check('the test came to its end', false, e.stack); process.exit(1); });
