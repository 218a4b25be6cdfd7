import { request } from "node:http";

/**
 * One HTTP request: GET, or with `call` a POST of JSON to a private listener.
 * node:http rather than fetch: the launcher stays in memory as long as the servers run, and fetch would enlarge it.
 */
export function ask(url: string, call?: { secret: string; body: unknown }): Promise<{ status: number; body: string }> {
  return new Promise((done, failed) => {
    const headers: Record<string, string> =
      call === undefined ? {} : { authorization: `Bearer ${call.secret}`, "content-type": "application/json" };
    const method = call === undefined ? "GET" : "POST";
    const outgoing = request(url, { method, headers, agent: false, timeout: 5_000 }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (part) => {
        body += part;
      });
      answer.on("end", () => done({ status: answer.statusCode ?? 0, body }));
      answer.on("error", failed);
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer from ${url} within 5 s`)));
    outgoing.on("error", failed);
    outgoing.end(call && JSON.stringify(call.body));
  });
}
