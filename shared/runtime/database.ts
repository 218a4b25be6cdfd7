import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from "kysely";
import postgres from "postgres";
import { type Swept, sweepConnections } from "./connection-sweep.ts";

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

interface Client extends Swept {
  sql: postgres.Sql;
  /** Counts lost connections; a reservation made on a lost one must not be given back. */
  losses: number;
}

interface Borrowed extends DatabaseConnection {
  reserved?: { sql: postgres.ReservedSql; client: Client; losses: number };
}

/** Reads that are sent together at most: PostgreSQL carries them out one after the other. */
const mostTogether = 16;

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
  let current: postgres.Sql | undefined;

  async function open(): Promise<void> {
    const sql = connect(options, () => lose(sql), onNotify);
    current = sql;
    await sql`listen ${sql(channel)}`;
    onListen();
  }

  /** Told once for each connection, whether it was lost or could not be made. */
  function lose(sql: postgres.Sql): void {
    if (sql !== current || isStopped) return;
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
    },
    // Unix seconds and counts stay far below 2^53.
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
  return sql as unknown as postgres.Sql;
}

function createDialect(clients: Client[]): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => createDriver(clients),
    createIntrospector: (kysely) => new PostgresIntrospector(kysely),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

function createDriver(clients: Client[]): Driver {
  const { reserve, free, waitForFree } = createReservations(clients);
  const execute = createStatements(clients, waitForFree);
  return {
    init: async () => undefined,
    acquireConnection: async (): Promise<Borrowed> => ({
      async executeQuery<R>(this: Borrowed, query: CompiledQuery) {
        return this.reserved ? run<R>(connectionOf(this.reserved), query) : execute<R>(query);
      },
      streamQuery: () => {
        throw new Error("Streaming queries are not used here.");
      },
    }),
    beginTransaction: async (borrowed: Borrowed) => {
      borrowed.reserved = await reserve();
      await connectionOf(borrowed.reserved).unsafe("begin");
    },
    commitTransaction: async (borrowed: Borrowed) => {
      if (borrowed.reserved) await connectionOf(borrowed.reserved).unsafe("commit");
    },
    rollbackTransaction: async (borrowed: Borrowed) => {
      // With its connection a transaction is rolled back already.
      if (borrowed.reserved && !isLost(borrowed.reserved)) await borrowed.reserved.sql.unsafe("rollback");
    },
    releaseConnection: async (borrowed: Borrowed) => {
      if (!borrowed.reserved) return;
      const { reserved } = borrowed;
      delete borrowed.reserved;
      if (!isLost(reserved)) reserved.sql.release();
      free(reserved.client);
    },
    destroy: async () => undefined,
  };
}

/** Whose a connection is: a transaction has one to itself, statements share the others. */
function createReservations(clients: Client[]) {
  const transactions: (() => void)[] = [];
  const statements: (() => void)[] = [];
  const mayReserve = Math.max(1, clients.length - 1);

  async function reserve(): Promise<Reservation> {
    while (clients.filter((client) => client.reserved).length >= mayReserve)
      await new Promise<void>((resolve) => transactions.push(resolve));
    const client = leastBusy(clients) as Client;
    client.reserved = true;
    client.isUsed = true;
    const { losses } = client;
    try {
      return { client, sql: await client.sql.reserve(), losses };
    } catch (error) {
      free(client);
      throw error;
    }
  }

  /** Waiting statements go out before the next transaction may reserve, so neither can starve the other. */
  function free(client: Client): void {
    client.reserved = false;
    for (const send of statements.splice(0)) send();
    setImmediate(() => transactions.shift()?.());
  }

  /** For a statement that found every connection reserved. */
  const waitForFree = () => new Promise<void>((resolve) => statements.push(resolve));

  return { reserve, free, waitForFree };
}

/** Statements outside of transactions. */
function createStatements(clients: Client[], waitForFree: () => Promise<void>) {
  let companion: Client | undefined;
  let places = 0;

  /**
   * Reads of one turn of the event loop go out together, in one write; those of the next find the least busy. Anything
   * else goes by itself: it may wait for a lock, and whatever was sent after it would wait too.
   */
  function nextClient(query: CompiledQuery): Client | undefined {
    if (!query.sql.startsWith("select ")) return leastBusy(clients);
    if (companion === undefined) {
      setImmediate(() => {
        companion = undefined;
      });
    } else if (places > 0 && !companion.reserved) {
      places--;
      return companion;
    }
    places = mostTogether - 1;
    companion = leastBusy(clients);
    return companion;
  }

  /**
   * Of statements that wait for each other's rows PostgreSQL ends one, of which nothing stands then: it is run again. (Within
   * a transaction whoever began that would have to decide.)
   */
  async function execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    let client = nextClient(query);
    while (client === undefined) {
      await waitForFree();
      client = nextClient(query);
    }
    client.inFlight++;
    client.isUsed = true;
    try {
      for (let more = 3; ; more--) {
        try {
          return await run<R>(client.sql, query);
        } catch (error) {
          if (more === 0 || !isDeadlock(error)) throw error;
        }
      }
    } finally {
      client.inFlight--;
    }
  }

  return execute;
}

type Reservation = NonNullable<Borrowed["reserved"]>;

function isLost({ client, losses }: Reservation): boolean {
  return client.losses !== losses;
}

/** Writing to a lost connection would throw outside of any caller's reach, and end the process. */
function connectionOf(reservation: Reservation): postgres.ReservedSql {
  if (isLost(reservation)) throw new ConnectionLost("The connection was lost during a transaction.");
  return reservation.sql;
}

async function run<R>(sql: postgres.Sql, query: CompiledQuery): Promise<QueryResult<R>> {
  const rows = await sql.unsafe(query.sql, query.parameters as postgres.ParameterOrJSON<never>[], { prepare: true });
  return { rows: rows as unknown as R[], numAffectedRows: BigInt(rows.count ?? 0) };
}

/** The free client with the least in flight; none when a transaction holds the only one. */
function leastBusy(clients: Client[]): Client | undefined {
  let best: Client | undefined;
  for (const client of clients) {
    if (!client.reserved && (best === undefined || client.inFlight < best.inFlight)) best = client;
  }
  return best;
}

/** What postgres.js and Node call a connection that could not be made or was lost. */
const lostConnection = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** SQLSTATE classes: connection exception, insufficient resources, operator intervention, system error. */
const outageClasses = ["08", "53", "57", "58"];
const readOnlyTransaction = "25006";

/** Whether a statement failed because the database is away, full or read-only: nobody's fault, and likely to pass. */
export function isOutage(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  if (!(error instanceof Error) || !("code" in error)) return false;
  const code = String(error.code);
  if (!(error instanceof postgres.PostgresError)) return lostConnection.has(code);
  return code === readOnlyTransaction || outageClasses.includes(code.slice(0, 2));
}

class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** SQLSTATE 40P01. */
function isDeadlock(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === "40P01";
}

/** Whether a statement failed because a row with that key is there already (SQLSTATE 23505). */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === "23505";
}
