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
  sql,
} from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import postgres from "postgres";

/**
 * A pool of postgres.js clients of one connection each. Clients of one connection stay clear of a defect of
 * postgres.js 3.4.9, whose queue of idle connections grows with every query while two or more are open
 * (docs/decisions/001).
 *
 * Single statements reserve nothing: they are pipelined onto the client with the least in flight. A transaction
 * reserves a client of its own; one client is always left for statements, unless there is only one.
 */
export interface Database<T> {
  db: Kysely<T>;
  /** Calls `onNotify` for every NOTIFY on `channel`, on a connection of its own, re-made when it breaks. */
  listen(channel: string, onNotify: (payload: string) => void, onListen: () => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

interface Client {
  sql: postgres.Sql;
  inFlight: number;
  reserved: boolean;
  /** Counts lost connections; a reservation made on a lost one must not be given back. */
  losses: number;
}

interface Lease extends DatabaseConnection {
  reserved?: { sql: postgres.ReservedSql; client: Client; losses: number };
}

export interface DatabaseOptions {
  url: string;
  /** Connections at most; 1 works. */
  poolSize: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
}

export function openDatabase<T>(options: DatabaseOptions): Database<T> {
  const clients = Array.from({ length: options.poolSize }, () => createClient(options));
  return {
    db: new Kysely<T>({ dialect: createDialect(clients) }),
    listen: async (channel, onNotify, onListen) => {
      const client = clients[0] as Client;
      return (await client.sql.listen(channel, onNotify, onListen)).unlisten;
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.sql.end({ timeout: 5 })));
    },
  };
}

function createClient(options: DatabaseOptions): Client {
  const sql = postgres(options.url, {
    max: 1,
    connect_timeout: 5,
    idle_timeout: 60,
    onnotice: () => undefined,
    onclose: () => void client.losses++,
    connection: {
      application_name: options.applicationName,
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 30_000,
    },
    // Unix seconds and counts stay far below 2^53.
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
  const client: Client = { sql: sql as unknown as postgres.Sql, inFlight: 0, reserved: false, losses: 0 };
  return client;
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
  const transactions: (() => void)[] = [];
  const statements: (() => void)[] = [];
  const mayReserve = Math.max(1, clients.length - 1);

  async function reserve(): Promise<NonNullable<Lease["reserved"]>> {
    while (clients.filter((client) => client.reserved).length >= mayReserve)
      await new Promise<void>((resolve) => transactions.push(resolve));
    const client = leastBusy(clients) as Client;
    client.reserved = true;
    try {
      const sql = await client.sql.reserve();
      return { client, sql, losses: client.losses };
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

  async function execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    let client = leastBusy(clients);
    while (client === undefined) {
      await new Promise<void>((resolve) => statements.push(resolve));
      client = leastBusy(clients);
    }
    client.inFlight++;
    try {
      return await run<R>(client.sql, query);
    } finally {
      client.inFlight--;
    }
  }

  return {
    init: async () => undefined,
    acquireConnection: async (): Promise<Lease> => ({
      async executeQuery<R>(this: Lease, query: CompiledQuery) {
        return this.reserved ? run<R>(this.reserved.sql, query) : execute<R>(query);
      },
      streamQuery: () => {
        throw new Error("Streaming queries are not used here.");
      },
    }),
    beginTransaction: async (lease: Lease) => {
      lease.reserved = await reserve();
      await lease.reserved.sql.unsafe("begin");
    },
    commitTransaction: async (lease: Lease) => void (await lease.reserved?.sql.unsafe("commit")),
    rollbackTransaction: async (lease: Lease) => void (await lease.reserved?.sql.unsafe("rollback")),
    releaseConnection: async (lease: Lease) => {
      if (!lease.reserved) return;
      const { sql, client, losses } = lease.reserved;
      delete lease.reserved;
      if (client.losses === losses) sql.release();
      free(client);
    },
    destroy: async () => undefined,
  };
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

/** Runs the numbered migrations that are still missing; safe for several instances at once. */
export async function migrateToLatest<T>(db: Kysely<T>, migrations: Record<string, Migration>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error) throw new Error("The database could not be migrated.", { cause: error });
}

/** Waits for a database that is still starting; gives up after `seconds` with the last error as the cause. */
export async function waitForDatabase<T>(db: Kysely<T>, seconds: number): Promise<void> {
  const giveUpAt = Date.now() + seconds * 1000;
  for (;;) {
    try {
      await sql`select 1`.execute(db);
      return;
    } catch (cause) {
      if (Date.now() >= giveUpAt) throw new Error("The database cannot be reached.", { cause });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** Whether a statement failed because a row with that key is there already (SQLSTATE 23505). */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === "23505";
}
