import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  type Name,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** Whom a certificate is for. `organization` is what Kubernetes reads as a group of a client. */
export interface CertificateSubject {
  commonName: string;
  organization?: string;
  dnsNames?: string[];
  ipAddresses?: string[];
  usage: 'server' | 'client';
  /** Default: in seven days. */
  notAfter?: Date;
}

/** A certificate with its private key, both as PEM (PKCS #8 for the key). */
export interface IssuedCertificate {
  certificatePem: string;
  keyPem: string;
}

/** A certificate authority that lives in memory only. */
export interface Authority {
  /** The authority's own certificate, as PEM: what a client has to trust. */
  certificatePem: string;
  issue(subject: CertificateSubject): Promise<IssuedCertificate>;
}

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const hourMs = 3_600_000;
const lifeMs = 7 * 24 * hourMs;

const newKeys = () => webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);

function validity(): { notBefore: Date; notAfter: Date; serialNumber: string } {
  const now = Date.now();
  // The leading 01 keeps the serial number positive, as RFC 5280 wants it.
  const serialNumber = `01${randomBytes(15).toString('hex')}`;
  return { serialNumber, notBefore: new Date(now - hourMs), notAfter: new Date(now + lifeMs) };
}

function distinguishedName(subject: Pick<CertificateSubject, 'commonName' | 'organization'>) {
  const name = [{ CN: [subject.commonName] }];
  return subject.organization === undefined ? name : [{ O: [subject.organization] }, ...name];
}

async function extensionsOf(
  subject: CertificateSubject,
  publicKey: webcrypto.CryptoKey,
): Promise<Extension[]> {
  const names: JsonGeneralName[] = [
    ...(subject.dnsNames ?? []).map((value) => ({ type: 'dns', value }) as const),
    ...(subject.ipAddresses ?? []).map((value) => ({ type: 'ip', value }) as const),
  ];
  const usage = subject.usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([usage]),
    await SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
    ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
  ];
}

async function toKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

/**
 * Makes a new EC P-256 certificate authority. Its certificates, and all that it issues, are valid from one
 * hour ago (clocks may differ) for seven days.
 */
export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await newKeys();
  const own = await X509CertificateGenerator.createSelfSigned(
    {
      ...validity(),
      name: distinguishedName({ commonName }),
      keys,
      signingAlgorithm: ecdsa,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  const issuer: Name = own.subjectName;
  return {
    certificatePem: `${own.toString('pem')}\n`,
    async issue(subject) {
      const leaf = await newKeys();
      const certificate = await X509CertificateGenerator.create(
        {
          ...validity(),
          ...(subject.notAfter && { notAfter: subject.notAfter }),
          subject: distinguishedName(subject),
          issuer,
          publicKey: leaf.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm: ecdsa,
          extensions: await extensionsOf(subject, leaf.publicKey),
        },
        webcrypto,
      );
      return {
        certificatePem: `${certificate.toString('pem')}\n`,
        keyPem: await toKeyPem(leaf.privateKey),
      };
    },
  };
}
