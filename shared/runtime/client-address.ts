import ipaddr from "ipaddr.js";
import type { Network } from "./settings.ts";

/**
 * The key under which a caller's address is limited: an IPv4 address, or the /64 of an IPv6 address (one household).
 * Forwarding headers are believed only as far as the chain of trusted proxies reaches.
 *
 * @param remote the address of the connection
 * @param forwarded the values of `Forwarded` and `X-Forwarded-For`, if any
 */
export function callerKey(
  remote: string,
  forwarded: { forwarded?: string | undefined; xForwardedFor?: string | undefined },
  trustedProxies: readonly Network[],
): string {
  const hops = forwarded.forwarded ? parseForwarded(forwarded.forwarded) : split(forwarded.xForwardedFor);
  let caller = remote;
  while (isTrusted(caller, trustedProxies)) {
    const hop = hops.pop();
    if (hop === undefined || !ipaddr.isValid(hop)) break;
    caller = hop;
  }
  return toKey(caller);
}

function toKey(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()}/64`;
}

function isTrusted(address: string, networks: readonly Network[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return networks.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits));
}

/** RFC 7239: `for=192.0.2.1;proto=https, for="[2001:db8::1]:4711"`. */
function parseForwarded(header: string): string[] {
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
