// What the programs in JavaScript share: the resources that they send, and a line for each step.

export const SENDER = 'https://ehr.example.dk/id';
export const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';

export const concept = (system, code) => ({ coding: [{ system, code }] });

export const practice = (name) => ({
  resourceType: 'Organization',
  name,
  identifier: [
    { system: 'urn:oid:1.2.208.176.1.1', value: '99000010016005' },
    { system: 'urn:oid:1.2.208.176.1.4', value: '990101' },
    { system: SENDER, value: 'practice' },
  ],
});

export const person = (cpr) => ({
  resourceType: 'Patient',
  identifier: [{ use: 'official', system: 'urn:oid:1.2.208.176.1.2', value: cpr }],
  name: [{ use: 'official', family: 'Holm', given: ['Karen'] }],
});

export const diagnosis = (subject, recordedDate) => ({
  resourceType: 'Condition',
  subject: { reference: subject },
  clinicalStatus: concept(`${TERMINOLOGY}/condition-clinical`, 'active'),
  verificationStatus: concept(`${TERMINOLOGY}/condition-ver-status`, 'confirmed'),
  category: [concept(`${TERMINOLOGY}/condition-category`, 'problem-list-item')],
  code: concept('urn:oid:1.2.208.176.2.31', 'R95'),
  recordedDate,
});

export const ids = (bundle) => (bundle.entry ?? []).map((entry) => entry.resource.id);

export async function step(name, work) {
  await work();
  console.log(`  ${name}`);
}
