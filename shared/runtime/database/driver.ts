import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from "kysely";
import type postgres from "postgres";
import type { Swept } from "./connection-sweep.ts";
import { ConnectionLost, isDeadlock } from "./errors.ts";

/** How statements and transactions share the clients of the pool (database.ts). */

export interface Client extends Swept {
  sql: postgres.Sql;
  /** Counts lost connections; a reservation made on a lost one must not be given back. */
  losses: number;
}

interface Borrowed extends DatabaseConnection {
  reserved?: { sql: postgres.ReservedSql; client: Client; losses: number };
}

/** Reads that are sent together at most: PostgreSQL carries them out one after the other. */
const mostTogether = 16;

export function createDialect(clients: Client[]): Dialect {
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
