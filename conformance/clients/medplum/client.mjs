// What users of Medplum's client do with a server, and what they must get. A line for each step that is done.

import assert from 'node:assert/strict';
import { SENDER, diagnosis, ids, person, practice, step } from '../steps.mjs';

// The client asks for Node.js 22, which has this; it only uses it for subscriptions of Medplum's own.
globalThis.WebSocket ??= class extends EventTarget {};
const { MedplumClient, OperationOutcomeError } = await import('@medplum/core');

const base = new URL(process.env.FRIST_BASE);
const client = new MedplumClient({ baseUrl: `${base.origin}/`, fhirUrlPath: base.pathname.slice(1) });

const count = async (resourceType) => (await client.search(resourceType, { _count: 0 })).total;

// The outcome that the client throws for the call, which must be one of that code; gives its first issue.
async function refused(code, call) {
  const answer = await call().catch((error) => error);
  assert.ok(answer instanceof OperationOutcomeError, `expected ${code}, found ${answer}`);
  const issue = answer.outcome.issue[0];
  assert.deepEqual([issue.severity, issue.code], ['error', code]);
  assert.ok(answer.message.startsWith(issue.details.text));
  return issue;
}

let gp;
let karen;
let condition;

await step('capabilities', async () => {
  const statement = await client.get(client.fhirUrl('metadata'));
  assert.equal(statement.fhirVersion, '4.0.1');
});

await step('create', async () => {
  gp = await client.createResource(practice('Lægehuset Møllebakken'));
  assert.equal(gp.meta.versionId, '1');
  const region = { resourceType: 'Organization', identifier: [{ system: 'urn:oid:1.2.208.176.1.1', value: '190000016007999' }], name: 'Region' };
  await client.createResource(region);
});

await step('conditional create, twice, and by a Danish letter', async () => {
  for (const criteria of [`identifier=${SENDER}|practice`, `identifier=${encodeURIComponent(`${SENDER}|practice`)}`]) {
    const found = await client.createResourceIfNoneExist(practice('Another name'), criteria);
    assert.deepEqual([found.id, found.name], [gp.id, 'Lægehuset Møllebakken']);
  }
  // Sent as it stands: fetch writes headers in ISO-8859-1.
  const found = await client.createResourceIfNoneExist(practice('Another name'), 'name=Lægehuset Mølle');
  assert.deepEqual([found.id, found.name], [gp.id, 'Lægehuset Møllebakken']);
  assert.equal(await count('Organization'), 2);
});

await step('transaction', async () => {
  const numbers = ['0405440001', '0505550002', '0606660003', '0707770004', '0808880005', '0909990006', '1010000007'];
  const entry = numbers.map((cpr) => ({
    fullUrl: `urn:uuid:${crypto.randomUUID()}`,
    resource: person(cpr),
    request: { method: 'POST', url: 'Patient' },
  }));
  entry[0].resource.generalPractitioner = [{ reference: `Organization/${gp.id}` }];
  entry.push({ resource: diagnosis(entry[0].fullUrl, '2027-02-15'), request: { method: 'POST', url: 'Condition' } });
  const answer = await client.executeBatch({ resourceType: 'Bundle', type: 'transaction', entry });
  assert.equal(answer.type, 'transaction-response');
  assert.ok(answer.entry.every((each) => each.response.status.startsWith('201')));
  const id = (each) => each.response.location.split('/').at(-3);
  [karen, condition] = [`Patient/${id(answer.entry[0])}`, `Condition/${id(answer.entry[7])}`];
});

await step('read and resolve', async () => {
  const found = await client.readResource(...condition.split('/'));
  assert.equal(found.recordedDate, '2027-02-15');
  const resolved = await client.readReference(found.subject);
  assert.equal(resolved.identifier[0].value, '0405440001');
});

await step('search with paging, with fewer on a page than there are', async () => {
  // The client adds a _count of its own to every link that has none.
  const everyone = [];
  for await (const page of client.searchResourcePages('Patient', { _count: 3, _sort: '_id' })) {
    everyone.push(...page.map((found) => found.id));
  }
  assert.equal(everyone.length, 7);
  assert.deepEqual(everyone, [...new Set(everyone)].sort());
  assert.equal((await client.searchResources('Organization', { name: 'lægehuset mølle' })).length, 1);
  assert.equal((await client.searchOne('Organization', 'name=lægehuset mølle')).id, gp.id);
});

await step('search by a form', async () => {
  const form = new URLSearchParams({ identifier: '0405440001' }).toString();
  const byCpr = await client.post(client.fhirUrl('Patient', '_search'), form, 'application/x-www-form-urlencoded');
  assert.deepEqual(ids(byCpr), [karen.split('/')[1]]);
  await refused('business-rule', () => client.search('Patient', { identifier: '0405440001' }));
});

await step('operations: $rights, $everything, $validate', async () => {
  const [, id] = karen.split('/');
  const rights = await client.get(`${client.fhirUrl('Patient', id, '$rights')}?as-of=2027-03-01`);
  const codes = rights.entry.filter((entry) => entry.resource.resourceType === 'Task').map((entry) => entry.resource.code.coding[1].code);
  assert.deepEqual(codes, ['treatment-plan']);
  const everything = await client.readPatientEverything(id);
  assert.deepEqual(new Set(everything.entry.map((entry) => entry.resource.resourceType)), new Set(['Patient', 'Condition', 'Task', 'Organization']));
  const found = await client.validateResource(diagnosis(karen, '2027-03-02'));
  assert.deepEqual(found.issue[0].expression, ['Condition.recordedDate']);
});

await step('update', async () => {
  gp = await client.updateResource({ ...gp, name: 'Lægerne Møllebakken' });
  assert.equal(gp.meta.versionId, '2');
  assert.equal((await client.updateResource(gp)).meta.versionId, '2');
});

await step('update of the right and of the wrong version', async () => {
  const update = (name) => client.updateResource({ ...gp, name }, { headers: { 'If-Match': 'W/"2"' } });
  assert.equal((await update('Lægehuset')).meta.versionId, '3');
  const issue = await refused('conflict', () => update('Nobody saw this'));
  assert.match(issue.diagnostics, /expected version 2, found version 3/);
});

await step('conditional update', async () => {
  const updated = await client.upsertResource(practice('Lægehuset Bakken'), { identifier: `${SENDER}|practice` });
  assert.deepEqual([updated.id, updated.meta.versionId], [gp.id, '4']);
});

await step('patch', async () => {
  const patch = (op, value) => client.patchResource('Organization', gp.id, [{ op, path: '/name', value }]);
  assert.equal((await patch('replace', 'Møllebakken')).name, 'Møllebakken');
  const answer = await patch('test', 'Another name').catch((error) => error);
  assert.ok(answer instanceof OperationOutcomeError);
});

await step('vread and history', async () => {
  const first = await client.readVersion('Organization', gp.id, '1');
  assert.equal(first.name, 'Lægehuset Møllebakken');
  const history = await client.readHistory('Organization', gp.id);
  assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ['5', '4', '3', '2', '1']);
});

await step('errors', async () => {
  const issue = await refused('business-rule', () => client.createResource(diagnosis(karen, '2027-03-02')));
  assert.deepEqual(issue.expression, ['Condition.recordedDate']);
  await refused('not-found', () => client.readResource('Patient', 'nobody'));
  await refused('not-supported', () => client.search('Patient', 'colour=red'));
});

await step('delete, then read', async () => {
  const issue = await refused('conflict', () => client.deleteResource(...karen.split('/')));
  assert.ok(issue.details.text.includes(condition));
  await client.deleteResource(...condition.split('/'));
  await refused('deleted', () => client.readResource(...condition.split('/')));
});
