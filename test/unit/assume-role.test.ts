import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { expect, test } from 'vitest';

import { getEcrToken } from '../../lambda/registries/ecr.ts';
import { awsClientsOf } from './aws-clients.ts';

const REQUEST = 'http.client.request.start';
const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x'.repeat(40) };

test.for([
  ['eu-west-1', 'aws', 'eu-west-1', 'sts.eu-west-1.amazonaws.com'],
  ['eu-west-1', 'aws', 'us-east-1', 'sts.eu-west-1.amazonaws.com'],
  ['eu-west-1', 'aws-cn', 'cn-north-1', 'sts.cn-north-1.amazonaws.com.cn'],
  ['eu-west-1', 'aws-us-gov', 'us-gov-west-1', 'sts.us-gov-west-1.amazonaws.com'],
  ['eu-west-1', 'aws-iso', 'us-iso-east-1', 'sts.us-iso-east-1.c2s.ic.gov'],
  ['eu-west-1', 'aws-iso-b', 'us-isob-east-1', 'sts.us-isob-east-1.sc2s.sgov.gov'],
  ['eu-west-1', 'aws-iso-e', 'eu-isoe-west-1', 'sts.eu-isoe-west-1.cloud.adc-e.uk'],
  ['eu-west-1', 'aws-iso-f', 'us-isof-south-1', 'sts.us-isof-south-1.csp.hci.ic.gov'],
  ['eu-west-1', 'aws-eusc', 'eusc-de-east-1', 'sts.eusc-de-east-1.amazonaws.eu'],
  ['cn-north-1', 'aws', 'eu-west-1', 'sts.eu-west-1.amazonaws.com'],
  ['cn-north-1', 'aws-cn', 'cn-northwest-1', 'sts.cn-north-1.amazonaws.com.cn'],
  ['us-gov-west-1', 'aws', 'us-east-1', 'sts.us-east-1.amazonaws.com'],
  // of a partition that neither is: STS at home says what it thinks of it
  ['eu-west-1', 'aws-cn', 'us-east-1', 'sts.eu-west-1.amazonaws.com'],
] as const)(
  'in %s a role of %s for a registry in %s is assumed at %s',
  async ([home, partition, region, host]) => {
    const { asked, credentials } = await firstRequest((signal) => {
      const aws = awsClientsOf(home, signal);
      const roleArn = `arn:${partition}:iam::111122223333:role/pull`;
      return getEcrToken(aws.ecr(region, { roleArn, keys }), region, aws);
    });
    expect(asked).toBe(host);
    expect(credentials).toContain(`/${host.split('.')[1]}/sts/aws4_request`);
  },
);

/** Where the first request of a call goes and how it is signed; the call is aborted before anything is sent. */
async function firstRequest(call: (signal: AbortSignal) => Promise<unknown>) {
  const stop = new AbortController();
  let asked: string | undefined;
  let credentials: string | undefined;
  const listen = (message: unknown) => {
    const { request } = message as { request: ClientRequest };
    asked = request.host;
    credentials = String(request.getHeader('authorization'));
    stop.abort();
  };
  subscribe(REQUEST, listen);
  try {
    await call(stop.signal).catch(() => undefined);
  } finally {
    unsubscribe(REQUEST, listen);
  }
  return { asked, credentials };
}
