import { expect, test } from "vitest";
import { callerKey } from "../runtime/client-address.ts";
import { createSettingsReader } from "../runtime/settings.ts";

const trusted = createSettingsReader({ TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8, fd00::/8" }).networks(
  "TRUSTED_PROXIES",
);

test("without trusted proxies the connection's address counts, whatever the headers say", () => {
  expect(callerKey("192.0.2.1", { xForwardedFor: "198.51.100.7", forwarded: "for=198.51.100.8" }, [])).toBe(
    "192.0.2.1",
  );
  expect(callerKey("127.0.0.1", { xForwardedFor: "198.51.100.7" }, [])).toBe("127.0.0.1");
});

test("R44: an untrusted caller cannot choose its address", () => {
  expect(callerKey("192.0.2.1", { xForwardedFor: "198.51.100.7" }, trusted)).toBe("192.0.2.1");
});

test.each([
  ["198.51.100.7", "198.51.100.7"],
  ["198.51.100.7, 10.1.2.3", "198.51.100.7"],
  ["203.0.113.9, 198.51.100.7", "198.51.100.7"],
  ["203.0.113.9, 198.51.100.7, 10.1.2.3, 10.9.9.9", "198.51.100.7"],
  ["198.51.100.7:4711", "198.51.100.7"],
  ["[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64"],
])("behind a trusted proxy the last untrusted hop of X-Forwarded-For counts: %s", (header, key) => {
  expect(callerKey("127.0.0.1", { xForwardedFor: header }, trusted)).toBe(key);
});

test.each([
  ["for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"],
  ['for=203.0.113.9, For="198.51.100.7:80"', "198.51.100.7"],
  ['proto=https;for="[2001:db8:1:2:3::4]:80"', "2001:db8:1:2::/64"],
])("Forwarded (RFC 7239) is read too: %s", (header, key) => {
  expect(callerKey("10.0.0.1", { forwarded: header }, trusted)).toBe(key);
});

test.each(["unknown", "", ",,,", "198.51.100.999", "_hidden"])(
  "nonsense in the header leaves the proxy: %s",
  (header) => {
    expect(callerKey("127.0.0.1", { xForwardedFor: header }, trusted)).toBe("127.0.0.1");
  },
);

test("an IPv6 household has one key, an IPv4 address in IPv6 form is that address", () => {
  const key = (address: string) => callerKey(address, {}, []);
  expect(key("2001:db8:1:2:aaaa::1")).toBe(key("2001:db8:1:2:bbbb::2"));
  expect(key("2001:db8:1:3::1")).not.toBe(key("2001:db8:1:2::1"));
  expect(key("::ffff:192.0.2.1")).toBe("192.0.2.1");
});

test("a proxy that connects in IPv4-mapped form is trusted by its IPv4 address", () => {
  expect(callerKey("::ffff:127.0.0.1", { xForwardedFor: "198.51.100.7" }, trusted)).toBe("198.51.100.7");
});
