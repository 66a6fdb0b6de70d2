import {
  ANNOTATIONS,
  apply,
  base64,
  dockerConfig,
  forcedApply,
  foreign,
  get,
  PARTIAL_LIST,
  pullSecret,
} from '../calls.ts';
import type { Case } from '../case.ts';

const UID = '11111111-2222-4333-8444-555555555555';
const data = (value: string) => pullSecret('1', { data: { '.dockerconfigjson': value } });
const metadata = (different: object) => pullSecret('1', {}, different);
const accepting = (accept: string) => apply(pullSecret(), { headers: { accept } });

/** Objects and options that no server takes. */
export const validationCases: Case[] = [
  { title: 'is YAML that has no end', send: apply('{"a'), code: 400 },
  {
    title: 'has no field manager',
    send: { ...apply(), path: '/api/v1/namespaces/{namespace}/secrets/ecr-docker-creds' },
    code: 422,
  },
  {
    title: 'is no apply',
    send: apply(pullSecret(), { headers: { 'content-type': 'application/json' } }),
    code: 415,
  },
  { title: 'is no known dry run', send: apply(pullSecret(), { query: { dryRun: 'Some' } }), code: 422 },
  { title: 'has no name', send: apply(metadata({ name: undefined })), code: 400 },
  { title: 'has another name', send: apply(metadata({ name: 'zz' })), code: 400 },
  { title: 'has another namespace', send: apply(metadata({ namespace: 'zz' })), code: 400 },
  { title: 'has another kind', send: apply(pullSecret('1', { kind: 'ConfigMap' })), code: 400 },
  { title: 'brings managed fields', send: apply(metadata({ managedFields: [{ manager: 'x' }] })), code: 400 },
  { title: 'has an unknown field', send: apply(pullSecret('1', { foo: 1 })), code: 500 },
  { title: 'has a number for a string', send: apply(metadata({ annotations: { a: 1 } })), code: 500 },
  { title: 'has a bad label', send: apply(metadata({ labels: { a: 'x y' } })), code: 422 },
  {
    title: 'has too long annotations',
    send: apply(metadata({ annotations: { ...ANNOTATIONS, a: 'x'.repeat(262_144) } })),
    code: 422,
  },
  {
    title: 'finds the annotations of another too long for its own',
    before: [foreign('1', { annotations: { a: 'x'.repeat(262_143) } })],
    send: forcedApply(),
    code: 422,
  },
  {
    title: 'finds the data of another too long for its own',
    before: [
      foreign('1', { data: { ...dockerConfig('1'), more: Buffer.alloc(2 ** 20 - 60).toString('base64') } }),
    ],
    send: forcedApply(pullSecret('2'.repeat(60))),
    code: 422,
  },
  { title: 'has data that is no base64', send: apply(data('@@')), code: 500 },
  { title: 'has a docker config that is no JSON', send: apply(data(base64('{"a"'))), code: 422 },
  ...['[]', '"x"', '1', 'true', 'null'].map(
    (json): Case => ({
      title: `has a docker config of ${json}`,
      send: apply(data(base64(json))),
      code: json === 'null' ? 201 : 422,
    }),
  ),
  { title: 'has no docker config', send: apply(pullSecret('1', { data: undefined })), code: 422 },
  {
    title: 'names no service account',
    send: apply(pullSecret('1', { type: 'kubernetes.io/service-account-token' })),
    code: 422,
  },
  { title: 'names the uid of a missing secret', send: apply(metadata({ uid: UID })), code: 409 },
  {
    title: 'names the version of a missing secret',
    send: apply(metadata({ resourceVersion: '5' })),
    code: 201,
  },
  { title: 'names another uid', before: [apply()], send: apply(metadata({ uid: UID })), code: 422 },
  {
    title: 'names another version',
    before: [apply()],
    send: apply(metadata({ resourceVersion: '5' })),
    code: 409,
  },
  { title: 'wants an answer in HTML', send: accepting('text/html'), code: 406 },
  { title: 'wants a list for an answer', send: accepting(PARTIAL_LIST), code: 406 },
  {
    title: 'leaves nothing behind when it wants HTML',
    before: [accepting('text/html')],
    send: get(),
    code: 404,
  },
  {
    title: 'leaves its work behind when it wants a list',
    before: [accepting(PARTIAL_LIST)],
    send: get(),
    code: 200,
  },
  { title: 'wants an unknown apiVersion', send: apply(pullSecret('1', { apiVersion: 'v2' })), code: 400 },
  {
    title: 'is not asked to force',
    before: [apply()],
    send: apply(pullSecret('2'), { query: { force: 'false' } }),
    code: 200,
  },
  {
    title: 'is forced by any word',
    before: [foreign('old')],
    send: apply(pullSecret(), { query: { force: 'yes' } }),
    code: 200,
  },
  {
    title: 'is forced by no 0',
    before: [foreign('old')],
    send: apply(pullSecret(), { query: { force: '0' } }),
    code: 409,
  },
  {
    title: 'has too long a field manager',
    send: apply(pullSecret(), { query: { fieldManager: 'x'.repeat(129) } }),
    code: 422,
  },
  { title: 'has a null for data', send: apply(pullSecret('1', { data: null })), code: 422 },
  {
    title: 'is too large',
    send: apply(data(base64(JSON.stringify({ auths: 'x'.repeat(2 ** 20) })))),
    code: 422,
  },
];
