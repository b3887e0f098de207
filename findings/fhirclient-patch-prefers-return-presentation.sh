#!/usr/bin/env bash
# fhirclient (JavaScript): patch() asks for "return=presentation", which is no preference of FHIR.
#
# FHIR's preferences for the answer to a write are return=minimal, return=representation and
# return=OperationOutcome (R4, http.html#ops). A server that knows those alone passes over another
# word (RFC 7240, 2), and answers as it likes best: one whose own way is to give no body gives none,
# and patch() resolves to nothing where the changed resource was meant.
# Frist passes over it too, and gives the resource, as it does where nothing is preferred
# (src/http/negotiation.rs).
# Known since 2026-12-01.
set -euo pipefail
version=2.6.3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts "fhirclient@$version" >/dev/null

cat >ask.cjs <<'JAVASCRIPT'
const { createServer } = require('node:http');
const { FhirClient } = require('fhirclient');

const goal = { resourceType: 'Goal', id: 'g', meta: { versionId: '2' } };
const preferred = [];
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    const prefer = request.headers.prefer;
    preferred.push(prefer);
    // As R4 has it: a body for who prefers one, else as this server likes best: none.
    const body = prefer === 'return=representation' ? JSON.stringify(goal) : '';
    response.writeHead(200, { 'content-type': 'application/fhir+json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', async () => {
  const client = new FhirClient(`http://127.0.0.1:${server.address().port}`);
  const steps = [{ op: 'replace', path: '/description/text', value: 'walk' }];
  const found = await client.patch('Goal/g', steps).catch((error) => `an error: ${error.message.split('\n')[0]}`);
  server.close();
  console.log(`fhirclient ${process.argv[2]}`);
  console.log('R4, http.html#ops: Prefer: return=minimal, return=representation or return=OperationOutcome');
  console.log(`Prefer of patch():            ${preferred[0]}`);
  console.log(`what patch() gives for it:    ${JSON.stringify(found)}`);
  process.exit(preferred.length === 1 && preferred[0] === 'return=presentation' ? 0 : 1);
});
JAVASCRIPT
node ask.cjs "$version"
