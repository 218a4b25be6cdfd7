/** The body of a request; undefined when it is longer than `limit` bytes, of which no more are then read. */
export async function readBody(request: Request, limit: number): Promise<Uint8Array | undefined> {
  const announced = request.headers.get("content-length");
  if (announced !== null) {
    // The HTTP parser lets no more through than was announced.
    return Number(announced) <= limit ? new Uint8Array(await request.arrayBuffer()) : undefined;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
