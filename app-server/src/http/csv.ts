import type { Context } from "hono";

export type Cell = string | number | null;

/**
 * Where spreadsheets see the beginning of a formula, also behind spaces and in wide letters: at that of a cell, and behind a
 * semicolon or tab, at which some of them divide what others take for one cell.
 */
const formula = /(?<=^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/**
 * A table as a file (RFC 4180). Names and reasons are written by strangers: what a spreadsheet would carry out has an
 * apostrophe before it, and everything is quoted.
 */
function csvLine(cells: readonly Cell[]): string {
  const quoted = cells.map((cell) => {
    const text = String(cell ?? "");
    const harmless = typeof cell === "string" ? text.replace(formula, "'") : text;
    return `"${harmless.replaceAll('"', '""')}"`;
  });
  return `${quoted.join(",")}\r\n`;
}

/** Read page by page while it is sent, so that it may be as long as it is. Begins with the mark by which spreadsheets see UTF-8. */
export function answerTable<Row>(
  http: Context,
  { name, columns }: { name: string; columns: Record<string, (row: Row) => Cell> },
  rows: AsyncIterable<Row>,
): Response {
  async function* lines() {
    yield `\ufeff${csvLine(Object.keys(columns))}`;
    for await (const row of rows) yield csvLine(Object.values(columns).map((read) => read(row)));
  }
  return http.body(ReadableStream.from(lines()).pipeThrough(new TextEncoderStream()) as ReadableStream, 200, {
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": `attachment; filename="${name}.csv"`,
  });
}

/** In UTC, as spreadsheets read it. */
export function dateCell(time: number): string {
  return new Date(time * 1_000).toISOString().slice(0, 19).replace("T", " ");
}

/** As many rows as are read at once. */
export const exportedAtOnce = 1_000;

/** All rows of a list, from its pages. */
export async function* allRows<Row>(read: (last: Row | undefined) => Promise<Row[]>): AsyncGenerator<Row> {
  for (let last: Row | undefined; ; ) {
    const rows = await read(last);
    yield* rows;
    last = rows.at(-1);
    if (rows.length < exportedAtOnce) return;
  }
}
