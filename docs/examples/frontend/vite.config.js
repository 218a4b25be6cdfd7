/** While developing, and for `vite preview`: the server's paths are handed on, so that page and server have one origin. */
const server = process.env.ANTEROOM_URL ?? "http://127.0.0.1:12780";
const proxy = Object.fromEntries(["/auth", "/cookies", "/account"].map((path) => [path, server]));

// biome-ignore lint/style/noDefaultExport: Vite reads its configuration from the default export.
export default { build: { target: "es2022" }, server: { proxy }, preview: { proxy, allowedHosts: true } };
