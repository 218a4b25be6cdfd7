import { Kysely } from "kysely";
import postgres from "postgres";
import { sweepConnections } from "./connection-sweep.ts";
import { type Client, createDialect } from "./driver.ts";

/**
 * A pool of postgres.js clients of one connection each. Clients of one connection stay clear of a defect of
 * postgres.js 3.4.9, whose queue of idle connections grows with every query while two or more are open
 * (docs/decisions/001).
 *
 * Single statements reserve nothing: they are pipelined, the reads of one moment onto one client. A transaction
 * reserves a client of its own; one client is always left for statements, unless there is only one.
 */
export interface Database<T> {
  db: Kysely<T>;
  /** Calls `onNotify` for every NOTIFY on `channel`, on a connection of its own, re-made when it breaks. */
  listen(channel: string, onNotify: (payload: string) => void, onListen: () => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  /** Connections at most; 1 works. */
  poolSize: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** A connection that nobody used for so many milliseconds, or twice as many at most, is closed. */
  idleFor?: number;
}

const minute = 60_000;

export function openDatabase<T>(options: DatabaseOptions): Database<T> {
  const clients = Array.from({ length: options.poolSize }, () => createClient(options));
  const sweep = setInterval(() => sweepConnections(clients), options.idleFor ?? minute).unref();
  const listeners: (() => Promise<void>)[] = [];
  return {
    db: new Kysely<T>({ dialect: createDialect(clients) }),
    listen: async (channel, onNotify, onListen) => {
      const stop = await keepListening(options, channel, onNotify, onListen);
      listeners.push(stop);
      return stop;
    },
    close: async () => {
      clearInterval(sweep);
      await Promise.all([
        ...listeners.map((stop) => stop()),
        ...clients.map((client) => client.sql.end({ timeout: 5 })),
      ]);
    },
  };
}

/**
 * A client whose connection was lost is replaced, not reused: postgres.js 3.4.9 may keep what it had not yet written,
 * answers none of that, and then never writes to the new connection (docs/decisions/001).
 */
function createClient(options: DatabaseOptions): Client {
  const open = (): postgres.Sql => {
    const sql = connect(options, () => {
      if (client.sql !== sql) return;
      client.losses++;
      client.sql = open();
      // Fails what was handed to the old connection in its last moment; nobody else would ever answer it.
      void sql.end({ timeout: 0 });
    });
    return sql;
  };
  const renew = () => {
    const { sql } = client;
    client.sweeps = 0;
    client.sql = open();
    void sql.end({ timeout: 5 });
  };
  const client: Client = { sql: open(), inFlight: 0, reserved: false, losses: 0, sweeps: 0, isUsed: false, renew };
  return client;
}

/** Milliseconds after which a listener whose connection was lost tries to make another one. */
const listenAgainAfter = 500;

/** Listens until it is stopped. postgres.js 3.4.9 itself gives up when the database is still away at its first try. */
async function keepListening(
  options: DatabaseOptions,
  channel: string,
  onNotify: (payload: string) => void,
  onListen: () => void,
): Promise<() => Promise<void>> {
  let isStopped = false;
  /** Once it did, it tries for ever. */
  let isListening = false;
  let current: postgres.Sql | undefined;

  async function open(): Promise<void> {
    const sql = connect(options, () => lose(sql), onNotify);
    current = sql;
    try {
      await sql`listen ${sql(channel)}`;
    } catch (error) {
      // A standby refuses it and keeps the connection.
      if (isListening) lose(sql);
      else await sql.end({ timeout: 0 });
      throw error;
    }
    isListening = true;
    onListen();
  }

  /** Told once for each connection, whether it was lost or could not be made. */
  function lose(sql: postgres.Sql): void {
    if (sql !== current || isStopped || !isListening) return;
    current = undefined;
    void sql.end({ timeout: 0 });
    setTimeout(() => void (isStopped || open().catch(() => undefined)), listenAgainAfter).unref();
  }

  await open();
  return async () => {
    isStopped = true;
    await current?.end({ timeout: 5 });
  };
}

function connect(
  options: DatabaseOptions,
  onclose: () => void,
  onNotify: (payload: string) => void = () => undefined,
): postgres.Sql {
  // Its types do not name it.
  const untyped: object = { onnotify: (_channel: string, payload: string) => onNotify(payload) };
  const sql = postgres(options.url, {
    max: 1,
    connect_timeout: 5,
    idle_timeout: 0,
    max_lifetime: null,
    onnotice: () => undefined,
    onclose,
    ...untyped,
    connection: {
      application_name: options.applicationName,
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 30_000,
      // Of a host that is gone without a word, within half a minute: others wait for what it held.
      tcp_keepalives_idle: 10,
      tcp_keepalives_interval: 5,
      tcp_keepalives_count: 4,
      tcp_user_timeout: 30_000,
    },
    // Unix seconds and counts stay far below 2^53.
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
  return sql as unknown as postgres.Sql;
}
