import { createHash, createHmac } from 'node:crypto';

// Every secret that the emulator gives out begins with one of these, so that a test can search what the
// product wrote for any of them. All are multiples of four characters of the base64 alphabet, as real ones.
/** How an ECR password begins: base64 of `{"canary":"ecr-password"`, as real ones are base64 of JSON. */
export const passwordCanary = Buffer.from('{"canary":"ecr-password"').toString('base64');
/** How a temporary session token begins. */
export const sessionTokenCanary = 'CanarySessionToken//';
/** How a secret access key begins. */
export const secretKeyCanary = 'CanarySecretKey/';

/** How a web identity token begins: the base64 of its header. */
export const webIdentityCanary = Buffer.from('{"kid":"canary-web-identity",')
  .toString('base64url')
  .slice(0, 38);

const canaries = [passwordCanary, sessionTokenCanary, secretKeyCanary, webIdentityCanary];
/** What a bearer token for EKS and a presigned URL look like: credentials too, though nobody gave them out. */
const credentialMarks = ['k8s-aws-v1.', 'X-Amz-Signature='];

/**
 * The secrets of the emulated AWS that `text` shows: plainly, percent-encoded, inside base64 (a docker config's
 * `auth`) or base64 of that (a Kubernetes secret's `data`), of any alignment. Empty when it shows none.
 */
export function findSecrets(text: string): string[] {
  return allMarks.filter((mark) => text.includes(mark));
}

/** What base64 makes of `text` wherever it stands in the encoded bytes: the characters it fixes alone. */
function insideBase64(text: string): string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.from('\0'.repeat(shift) + text).toString('base64');
    const end = Math.floor(((shift + text.length) * 8) / 6);
    return encoded.slice(Math.ceil((shift * 8) / 6), end);
  });
}

const plain = [...canaries, ...credentialMarks];
const once = plain.flatMap(insideBase64);
const twice = once.flatMap(insideBase64);
const allMarks = [...new Set([...plain, ...canaries.map(encodeURIComponent), ...once, ...twice])];

/**
 * An ECR password of 2,072 characters, the same for the same region, principal and time of issue
 * and another for any other.
 */
export function mintPassword(region: string, principalArn: string, issuedAt: Date): string {
  const rest = createHash('shake256', { outputLength: 1_530 })
    .update(JSON.stringify([region, principalArn, issuedAt.getTime()]))
    .digest('base64');
  return passwordCanary + rest;
}

/** A session token of about 800 characters, as those of STS are. */
export function mintSessionToken(seed: string): string {
  return sessionTokenCanary + createHash('shake256', { outputLength: 600 }).update(seed).digest('base64');
}

/** A secret access key of 40 characters. */
export function mintSecretKey(seed: string): string {
  return secretKeyCanary + createHmac('sha256', 'secret-key').update(seed).digest('base64').slice(0, 24);
}

/** A key id of 20 characters; `AKIA` begins one for good, `ASIA` a temporary one, `AROA` a role's unique id. */
export function mintId(prefix: 'AKIA' | 'ASIA' | 'AROA' | 'AIDA', seed: string): string {
  const hash = createHash('sha256')
    .update(prefix + seed)
    .digest();
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return prefix + Array.from(hash.subarray(0, 16), (byte) => alphabet[byte % 32]).join('');
}
