import { expect, test } from "vitest";
import { callerKey } from "../runtime/http/client-address.ts";
import { createSettingsReader } from "../runtime/settings.ts";

const trustedProxies = createSettingsReader({ TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8, fd00::/8" }).networks(
  "TRUSTED_PROXIES",
);

/** The key of a request from `remote`, before a server that believes its proxies' `header`. */
function keyOf(
  remote: string,
  headers: Record<string, string>,
  { header = "x-forwarded-for", proxies = trustedProxies } = {},
): string {
  return callerKey(remote, (name) => headers[name], { trustedProxies: proxies, trustedProxyHeader: header });
}

test("without trusted proxies the connection's address counts, whatever the headers say", () => {
  const headers = { "x-forwarded-for": "198.51.100.7", forwarded: "for=198.51.100.8" };
  expect(keyOf("192.0.2.1", headers, { proxies: [] })).toBe("192.0.2.1");
  expect(keyOf("127.0.0.1", headers, { proxies: [] })).toBe("127.0.0.1");
});

test("R44: an untrusted caller cannot choose its address", () => {
  expect(keyOf("192.0.2.1", { "x-forwarded-for": "198.51.100.7" })).toBe("192.0.2.1");
});

test.each([
  ["198.51.100.7", "198.51.100.7"],
  ["198.51.100.7, 10.1.2.3", "198.51.100.7"],
  ["203.0.113.9, 198.51.100.7", "198.51.100.7"],
  ["203.0.113.9, 198.51.100.7, 10.1.2.3, 10.9.9.9", "198.51.100.7"],
  ["198.51.100.7:4711", "198.51.100.7"],
  ["[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64"],
])("behind a trusted proxy the last untrusted hop of X-Forwarded-For counts: %s", (header, key) => {
  expect(keyOf("127.0.0.1", { "x-forwarded-for": header })).toBe(key);
});

test.each([
  ["for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"],
  ['for=203.0.113.9, For="198.51.100.7:80"', "198.51.100.7"],
  ['proto=https;for="[2001:db8:1:2:3::4]:80"', "2001:db8:1:2::/64"],
])("Forwarded (RFC 7239) is read when it is the header to believe: %s", (header, key) => {
  expect(keyOf("10.0.0.1", { forwarded: header }, { header: "forwarded" })).toBe(key);
});

test.each(["unknown", "", ",,,", "198.51.100.999", "_hidden"])(
  "nonsense in the header leaves the proxy: %s",
  (header) => {
    expect(keyOf("127.0.0.1", { "x-forwarded-for": header })).toBe("127.0.0.1");
  },
);

test("an IPv6 household has one key, an IPv4 address in IPv6 form is that address", () => {
  const key = (address: string) => keyOf(address, {});
  expect(key("2001:db8:1:2:aaaa::1")).toBe(key("2001:db8:1:2:bbbb::2"));
  expect(key("2001:db8:1:3::1")).not.toBe(key("2001:db8:1:2::1"));
  expect(key("::ffff:192.0.2.1")).toBe("192.0.2.1");
});

test("a proxy that connects in IPv4-mapped form is trusted by its IPv4 address", () => {
  expect(keyOf("::ffff:127.0.0.1", { "x-forwarded-for": "198.51.100.7" })).toBe("198.51.100.7");
});

test.each([
  [
    "x-forwarded-for",
    { "x-forwarded-for": "198.51.100.7" },
    { forwarded: "for=203.0.113.5", "x-real-ip": "203.0.113.5" },
  ],
  ["forwarded", { forwarded: "for=198.51.100.7" }, { "x-forwarded-for": "203.0.113.5" }],
  [
    "cf-connecting-ip",
    { "cf-connecting-ip": "198.51.100.7" },
    { "x-forwarded-for": "203.0.113.5", forwarded: "for=203.0.113.5" },
  ],
])("S-F8, acc F2, R44: behind a proxy that writes %s no other header is believed", (header, written, ofTheCaller) => {
  expect(keyOf("127.0.0.1", { ...written, ...ofTheCaller }, { header })).toBe("198.51.100.7");
  expect(keyOf("127.0.0.1", ofTheCaller, { header })).toBe("127.0.0.1");
  expect(keyOf("192.0.2.1", { ...written, ...ofTheCaller }, { header })).toBe("192.0.2.1");
});

test("TRUSTED_PROXY_HEADER is X-Forwarded-For unless told, and one name", () => {
  const read = (text?: string) => {
    const reader = createSettingsReader(text === undefined ? {} : { TRUSTED_PROXY_HEADER: text });
    const name = reader.headerName("TRUSTED_PROXY_HEADER", "x-forwarded-for");
    reader.finish();
    return name;
  };
  expect([read(), read("Forwarded"), read("CF-Connecting-IP")]).toEqual([
    "x-forwarded-for",
    "forwarded",
    "cf-connecting-ip",
  ]);
  for (const text of ["x-forwarded-for, forwarded", "X Real IP", ":"])
    expect(() => read(text)).toThrow(/TRUSTED_PROXY_HEADER/);
});
