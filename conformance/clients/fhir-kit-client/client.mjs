// What users of fhir-kit-client do with a server, and what they must get. A line for each step that is done.

import assert from 'node:assert/strict';
import { CapabilityTool, Client } from 'fhir-kit-client';
import { SENDER, diagnosis, ids, person, practice, step } from '../steps.mjs';

const client = new Client({ baseUrl: process.env.FRIST_BASE });

const status = (answer) => Client.httpFor(answer).response.status;
const count = async (resourceType) => (await client.search({ resourceType, searchParams: { _count: 0 } })).total;

// What the client throws for the call, which must have that status and an OperationOutcome; gives its first issue.
async function refused(expected, call) {
  const answer = await call().catch((error) => error);
  assert.ok(answer instanceof Error, `expected ${expected}, found an answer`);
  assert.equal(answer.response.status, expected);
  assert.equal(answer.response.data.resourceType, 'OperationOutcome');
  return answer.response.data.issue[0];
}

let gp;
let karen;
let condition;

await step('capabilities', async () => {
  const statement = await client.capabilityStatement();
  assert.equal(statement.fhirVersion, '4.0.1');
  const tool = new CapabilityTool(statement);
  assert.ok(tool.serverCan('transaction'));
  assert.ok(tool.resourceCan('Condition', 'create'));
  assert.ok(!tool.resourceCan('Task', 'create'));
  assert.ok(tool.resourceSearch('Task', 'due'));
});

await step('create', async () => {
  gp = await client.create({ resourceType: 'Organization', body: practice('Lægehuset Møllebakken') });
  assert.equal(status(gp), 201);
  assert.equal(gp.meta.versionId, '1');
  const region = { resourceType: 'Organization', identifier: [{ system: 'urn:oid:1.2.208.176.1.1', value: '190000016007999' }], name: 'Region' };
  const minimal = await client.create({ resourceType: 'Organization', body: region, options: { headers: { Prefer: 'return=minimal' } } });
  assert.deepEqual(Object.keys(minimal), []);
  assert.equal(Client.httpFor(minimal).response.headers.get('etag'), 'W/"1"');
});

await step('conditional create, twice', async () => {
  const options = { headers: { 'If-None-Exist': `identifier=${SENDER}|practice` } };
  for (const name of ['Another name', 'A third name']) {
    const found = await client.create({ resourceType: 'Organization', body: practice(name), options });
    assert.equal(status(found), 200);
    assert.deepEqual([found.id, found.name], [gp.id, 'Lægehuset Møllebakken']);
  }
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
  const answer = await client.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry } });
  assert.equal(answer.type, 'transaction-response');
  assert.ok(answer.entry.every((each) => each.response.status.startsWith('201')));
  const id = (each) => each.response.location.split('/').at(-3);
  [karen, condition] = [`Patient/${id(answer.entry[0])}`, `Condition/${id(answer.entry[7])}`];
});

await step('read and resolve', async () => {
  const found = await client.read({ resourceType: 'Condition', id: condition.split('/')[1] });
  assert.equal(found.recordedDate, '2027-02-15');
  assert.equal(found.subject.reference, karen);
  const resolved = await client.resolve({ reference: found.subject.reference });
  assert.equal(resolved.identifier[0].value, '0405440001');
});

await step('search with paging', async () => {
  let page = await client.search({ resourceType: 'Patient', searchParams: { _count: 3, _sort: '_id' } });
  assert.equal(page.total, 7);
  const [sizes, everyone] = [[], []];
  while (page) {
    sizes.push(page.entry.length);
    everyone.push(...ids(page));
    page = await client.nextPage({ bundle: page });
  }
  assert.deepEqual(sizes, [3, 3, 1]);
  assert.deepEqual(everyone, [...new Set(everyone)].sort());
});

await step('search by POST, in a compartment and of the system', async () => {
  const byCpr = await client.search({ resourceType: 'Patient', searchParams: { identifier: '0405440001' }, options: { postSearch: true } });
  assert.deepEqual(ids(byCpr), [karen.split('/')[1]]);
  const compartment = { resourceType: 'Patient', id: karen.split('/')[1] };
  const within = await client.search({ resourceType: 'Condition', compartment, searchParams: { code: 'R95' } });
  assert.deepEqual(ids(within), [condition.split('/')[1]]);
  const both = await client.search({ searchParams: { _type: 'Patient,Organization' } });
  assert.equal(both.total, 9);
  const several = await client.search({ resourceType: 'Condition', searchParams: { 'recorded-date': ['ge2027-02-01', 'lt2027-03-01'] } });
  assert.equal(several.total, 1);
});

await step('operations: $rights, $everything, $validate', async () => {
  const [resourceType, id] = karen.split('/');
  const rights = await client.operation({ name: 'rights', resourceType, id, method: 'GET', input: { 'as-of': '2027-03-01' } });
  const codes = rights.entry.filter((entry) => entry.resource.resourceType === 'Task').map((entry) => entry.resource.code.coding[1].code);
  assert.deepEqual(codes, ['treatment-plan']);
  const everything = await client.operation({ name: '$everything', resourceType, id, method: 'GET' });
  assert.deepEqual(new Set(everything.entry.map((entry) => entry.resource.resourceType)), new Set(['Patient', 'Condition', 'Task', 'Organization']));
  const found = await client.operation({ name: 'validate', resourceType: 'Condition', input: diagnosis(karen, '2027-03-02') });
  assert.deepEqual(found.issue[0].expression, ['Condition.recordedDate']);
});

await step('update', async () => {
  const changed = { ...gp, name: 'Lægerne Møllebakken' };
  const updated = await client.update({ resourceType: 'Organization', id: gp.id, body: changed });
  assert.deepEqual([status(updated), updated.meta.versionId], [200, '2']);
});

await step('update of the right and of the wrong version', async () => {
  const update = (name) =>
    client.update({ resourceType: 'Organization', id: gp.id, body: { ...gp, name }, options: { headers: { 'If-Match': 'W/"2"' } } });
  assert.equal((await update('Lægehuset')).meta.versionId, '3');
  const issue = await refused(412, () => update('Nobody saw this'));
  assert.match(issue.diagnostics, /expected version 2, found version 3/);
  assert.equal((await client.read({ resourceType: 'Organization', id: gp.id })).name, 'Lægehuset');
});

await step('conditional update', async () => {
  const searchParams = { identifier: `${SENDER}|practice` };
  const updated = await client.update({ resourceType: 'Organization', searchParams, body: practice('Lægehuset Bakken') });
  assert.deepEqual([updated.id, updated.meta.versionId], [gp.id, '4']);
});

await step('patch', async () => {
  const patch = (op, value) => client.patch({ resourceType: 'Organization', id: gp.id, jsonPatch: [{ op, path: '/name', value }] });
  assert.equal((await patch('replace', 'Møllebakken')).name, 'Møllebakken');
  const issue = await refused(422, () => patch('test', 'Another name'));
  assert.equal(issue.severity, 'error');
});

await step('vread and history', async () => {
  const first = await client.vread({ resourceType: 'Organization', id: gp.id, version: '1' });
  assert.equal(first.name, 'Lægehuset Møllebakken');
  const history = await client.history({ resourceType: 'Organization', id: gp.id });
  assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ['5', '4', '3', '2', '1']);
  assert.equal((await client.history({ resourceType: 'Organization' })).entry.length, 6);
  assert.ok((await client.history()).entry.length > 6);
});

await step('errors', async () => {
  const issue = await refused(422, () => client.create({ resourceType: 'Condition', body: diagnosis(karen, '2027-03-02') }));
  assert.deepEqual([issue.severity, issue.expression], ['error', ['Condition.recordedDate']]);
  await refused(404, () => client.read({ resourceType: 'Patient', id: 'nobody' }));
  await refused(400, () => client.search({ resourceType: 'Patient', searchParams: { colour: 'red' } }));
});

await step('delete, then read', async () => {
  const [resourceType, id] = condition.split('/');
  const issue = await refused(409, () => client.delete({ resourceType: 'Patient', id: karen.split('/')[1] }));
  assert.ok(issue.details.text.includes(condition));
  assert.equal(status(await client.delete({ resourceType, id })), 204);
  await refused(410, () => client.read({ resourceType, id }));
  const history = await client.history({ resourceType, id });
  assert.deepEqual(history.entry.map((entry) => entry.request.method), ['DELETE', 'POST']);
});

await step('conditional delete', async () => {
  await client.request('Organization?identifier=urn:oid:1.2.208.176.1.1%7C190000016007999', { method: 'DELETE' });
  assert.equal(await count('Organization'), 1);
});
