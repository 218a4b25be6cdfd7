/** What a sweep has to know of a client and its connection. */
export interface Swept {
  /** Statements under way. */
  inFlight: number;
  /** A transaction has it. */
  reserved: boolean;
  /** How many sweeps have found its connection in use, and whether it was used since the last. */
  sweeps: number;
  isUsed: boolean;
  /** Lets the connection go, for one that is made when it is needed. */
  renew(): void;
}

/** Sweeps after which a connection goes that is still in use: it is a process of PostgreSQL, whose memory grows with all it has seen. */
const mostSweeps = 60;

/**
 * Renews the clients whose connections nobody has used since the last sweep. Left to do that itself, postgres.js 3.4.9 still
 * takes statements for a connection that is about to go, and with it they are lost; here a statement finds the new connection or
 * the old one, and that one answers before it goes. Of those that are merely old one goes at a time: other processes take one
 * without any connection for dead.
 */
export function sweepConnections(clients: readonly Swept[]): void {
  let mayAge = true;
  for (const client of clients) {
    const isBusy = client.reserved || client.inFlight > 0;
    if (isBusy || client.isUsed) client.sweeps++;
    const isIdle = !client.isUsed && client.sweeps > 0;
    const isOld = client.isUsed && client.sweeps > mostSweeps && mayAge;
    client.isUsed = isBusy;
    if (isBusy || !(isIdle || isOld)) continue;
    if (isOld) mayAge = false;
    client.renew();
  }
}
