import ipaddr from "ipaddr.js";
import type { Network } from "../settings.ts";

/** Whose word on the address they were called from is believed, and the one header in which they give it. */
export interface ProxyTrust {
  trustedProxies: readonly Network[];
  /** In small letters. */
  trustedProxyHeader: string;
}

export const trustInNobody: ProxyTrust = { trustedProxies: [], trustedProxyHeader: "x-forwarded-for" };

/** The other server's word on the visitor it calls for; it has a header of its own for that. */
export function trustIn(peer: string): ProxyTrust {
  if (!ipaddr.isValid(peer)) return trustInNobody;
  const address = ipaddr.process(peer);
  return {
    trustedProxies: [[address, address.kind() === "ipv4" ? 32 : 128]],
    trustedProxyHeader: "x-forwarded-for",
  };
}

/**
 * The key under which a caller's address is limited: an IPv4 address, or the /64 of an IPv6 address (one household).
 * Proxies write one header and hand every other on as it came, so the caller could write those: one header is believed,
 * and only as far as the chain of trusted proxies reaches.
 *
 * @param remote the address of the connection
 * @param header reads a header of the request
 */
export function callerKey(
  remote: string,
  header: (name: string) => string | undefined,
  { trustedProxies, trustedProxyHeader }: ProxyTrust,
): string {
  const value = header(trustedProxyHeader);
  const hops = trustedProxyHeader === "forwarded" ? parseForwarded(value) : split(value);
  let caller = remote;
  while (isTrusted(caller, trustedProxies)) {
    const hop = hops.pop();
    if (hop === undefined || !ipaddr.isValid(hop)) break;
    caller = hop;
  }
  return toKey(caller);
}

/**
 * The network that a caller is one of many in: of an IPv6 caller the /48, which is given to whoever asks and holds 65,536
 * callers. An IPv4 caller has none: nobody is given neighbouring addresses for nothing, and those next to one are strangers.
 */
export function networkOf(caller: string): string | undefined {
  return caller.endsWith("/64") ? networkAt(caller.replace("/64", ""), 48) : undefined;
}

function toKey(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return networkAt(parsed.toString(), 64);
}

function networkAt(address: string, bits: number): string {
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${bits}`).toString()}/${bits}`;
}

function isTrusted(address: string, networks: readonly Network[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return networks.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits));
}

/** RFC 7239: `for=192.0.2.1;proto=https, for="[2001:db8::1]:4711"`. */
function parseForwarded(header: string | undefined): string[] {
  return split(header).flatMap((element) => {
    const match = /(?:^|;)\s*for="?([^";]+)"?/i.exec(element);
    return match?.[1] ? [withoutPort(match[1])] : [];
  });
}

function split(header: string | undefined): string[] {
  return (header ?? "")
    .split(",")
    .map((part) => withoutPort(part.trim()))
    .filter(Boolean);
}

function withoutPort(address: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(address);
  if (bracketed?.[1]) return bracketed[1];
  return address.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1");
}
