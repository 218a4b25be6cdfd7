import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

export interface Certificate {
  name: string;
  cert: string;
  key: string;
}

interface CertificateOptions {
  /** An IPv4 address or a host name. */
  name: string;
  /** Itself, if left out. */
  issuer?: Certificate;
  /** Days from today; a negative number is in the past. */
  expiresIn?: number;
}

/** An X.509 certificate with a key of its own, as servers take them. Written out by hand: Node reads but makes none. */
export function makeCertificate({ name, issuer, expiresIn = 1 }: CertificateOptions): Certificate {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = pem("PRIVATE KEY", pair.privateKey.export({ type: "pkcs8", format: "der" }));
  const content = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    nameOf(issuer?.name ?? name),
    sequence(timeIn(Math.min(-1, expiresIn - 1)), timeIn(expiresIn)),
    nameOf(name),
    pair.publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(basicConstraints, subjectAltName(name))),
  );
  const signature = sign("sha256", content, issuer?.key ?? key);
  const cert = sequence(content, ecdsaWithSha256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return { name, cert: pem("CERTIFICATE", cert), key };
}

/** An element of DER: tag, length, content. */
function tagged(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const bytes = length < 0x80 ? [length] : length < 0x1_00 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

function sequence(...contents: Buffer[]): Buffer {
  return tagged(0x30, ...contents);
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes);
}

function objectId(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, "hex"));
}

const ecdsaWithSha256 = sequence(objectId("2a8648ce3d040302"));

function nameOf(text: string): Buffer {
  const commonName = objectId("550403");
  return sequence(tagged(0x31, sequence(commonName, tagged(0x0c, Buffer.from(text)))));
}

function timeIn(days: number): Buffer {
  const stamp = new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, "");
  return tagged(0x18, Buffer.from(stamp));
}

function extension(id: string, content: Buffer): Buffer {
  return sequence(objectId(id), tagged(0x04, content));
}

/** Every one may issue others. */
const basicConstraints = extension("551d13", sequence(tagged(0x01, Buffer.from([0xff]))));

function subjectAltName(name: string): Buffer {
  const isAddress = /^[\d.]+$/.test(name);
  const bytes = isAddress ? Buffer.from(name.split(".").map(Number)) : Buffer.from(name);
  return extension("551d11", sequence(tagged(isAddress ? 0x87 : 0x82, bytes)));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
