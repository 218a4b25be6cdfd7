import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkout } from "@anteroom/launch/checkout";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  giveToOrdinaryUser,
  isAlive,
  type Launched,
  makePlace,
  type Place,
  processesOf,
  query,
  readiness,
  removePlace,
  start,
  stop,
  throughNpm,
  until,
  untilRunning,
} from "./launched.ts";

const places: Place[] = [];
const launches: Launched[] = [];

async function newPlace(): Promise<Place> {
  const place = await makePlace();
  places.push(place);
  return place;
}

function launchIn(place: Place, changes: Record<string, string> = {}, command?: string[]): Launched {
  const launched = start(place, changes, command);
  launches.push(launched);
  return launched;
}

afterAll(async () => {
  await Promise.all(launches.filter((launched) => launched.process.exitCode === null).map(stop));
  await Promise.all(places.map(removePlace));
});

describe("one installation, from its first start on", () => {
  let place: Place;
  let launched: Launched;

  beforeAll(async () => {
    place = await newPlace();
    launched = launchIn(place);
    await untilRunning(launched);
  });

  /** Whoever finds it ended starts it again. */
  beforeEach(async () => {
    if (launched.process.exitCode === null) return;
    launched = launchIn(place);
    await untilRunning(launched);
  });

  test("npm start: both servers are ready, and it says where everything is", async () => {
    expect(await readiness(place)).toEqual([200, 200]);
    const output = launched.output();
    expect(output).toContain(`http://127.0.0.1:${place.environment.AUTH_PORT}`);
    expect(output).toContain(`http://127.0.0.1:${place.environment.BACKEND_PORT}`);
    expect(output).toContain(join(place.folder, "emails"));
    expect(output).toContain(`http://127.0.0.1:${place.environment.BACKEND_PORT}/dev/mailbox`);
    expect(output).toContain(join(place.folder, "data"));
    expect(output).toMatch(/become the first with this link.*\n\s+http\S+\/setup/);
  });

  test("npm start: secrets are readable by their owner only, and their folder writable by nobody else", async () => {
    expect((await stat(join(place.folder, "data", "secrets.json"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(place.folder, "data"))).mode & 0o066).toBe(0);
  });

  test("npm start: no server's role can connect to the other's database", async () => {
    expect(await query(place, launched, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    for (const other of ["app", "postgres", "template1"]) {
      await expect(query(place, launched, "SELECT 1", other)).rejects.toThrow(/no pg_hba.conf entry|permission denied/);
    }
  });

  test("npm start: nothing acknowledged may be lost, so PostgreSQL waits for the disk", async () => {
    const names = ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"];
    const rows = await query(place, launched, `SELECT setting FROM pg_settings WHERE name IN ('${names.join("','")}')`);
    expect(rows.map((row) => row.setting)).toEqual(["on", "on", "on", "on"]);
  });

  test("npm start: a second one on the same data is refused in one line", async () => {
    const second = launchIn(place, { AUTH_PORT: "0", BACKEND_PORT: "0" });
    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(/^Anteroom is running already on [^\n]+\n$/);
    expect(await readiness(place)).toEqual([200, 200]);
  });

  test("npm start: a taken port is named with the setting to change, and nothing is left running", async () => {
    const other = await newPlace();
    const taken = createServer().listen(Number(other.environment.BACKEND_PORT), "127.0.0.1");
    const refused = launchIn(other);
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toMatch(/^Port \d+ on 127\.0\.0\.1 is taken: [^\n]+BACKEND_PORT[^\n]+\n$/);
    expect(await readdir(join(other.folder, "data"))).toEqual([]);
    taken.close();
  });

  test("npm start: settings that a server refuses stop everything with exit 1", async () => {
    const refused = launchIn(await newPlace(), { AUTH_SECRET: "short" });
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toMatch(/AUTH_SECRET is too short[\s\S]*The auth-server did not start \(exit code 1\)/);
  });

  test("npm run migrate: works beside a running installation", async () => {
    const env = { ...process.env, ...place.environment };
    const { stdout } = await promisify(execFile)(process.execPath, ["shared/launch/migrate.ts"], {
      cwd: checkout,
      env,
    });
    expect(stdout).toContain("up to date");
  });

  test("kill -9 of each process: it is started again, and the log says so", async () => {
    for (const name of ["auth", "app", "postgres"] as const) {
      const before = processesOf(place, launched.process.pid ?? 0)[name];
      process.kill(before, "SIGKILL");
      await until(`${name} runs again`, async () => {
        const now = processesOf(place, launched.process.pid ?? 0)[name];
        return now !== 0 && now !== before && String(await readiness(place)) === "200,200";
      });
    }
    expect(launched.output()).toMatch(/auth-server ended \(signal SIGKILL\); starting it again in 0\.2 s/);
    expect(launched.output()).toMatch(/app-server ended \(signal SIGKILL\)/);
    expect(launched.output()).toMatch(/PostgreSQL ended \(signal SIGKILL\)/);
  });

  test("kill -9 of npm start alone: the servers end, and the next npm start takes over", async () => {
    const { auth, app } = processesOf(place, launched.process.pid ?? 0);
    launched.process.kill("SIGKILL");
    launched = launchIn(place);
    await untilRunning(launched);
    // They have up to nine seconds to finish what they are at.
    await until("the former servers have ended", async () => !isAlive(auth) && !isAlive(app));
  });

  test("kill -9 of everything: the next npm start finds what was written before", async () => {
    await query(place, launched, "CREATE TABLE kept (mark text)");
    await query(place, launched, "INSERT INTO kept VALUES ('acknowledged')");
    const { auth, app, postgres } = processesOf(place, launched.process.pid ?? 0);
    for (const pid of [launched.process.pid ?? 0, auth, app, postgres]) {
      process.kill(pid, "SIGKILL");
    }
    launched = launchIn(place);
    await untilRunning(launched);
    expect(await query(place, launched, "SELECT mark FROM kept")).toEqual([{ mark: "acknowledged" }]);
  });

  test("SIGTERM to npm: npm ends when everything has ended", async () => {
    await stop(launched);
    launched = launchIn(place, {}, throughNpm);
    await untilRunning(launched);
    const { postgres } = processesOf(place, 0);
    await stop(launched);
    expect([isAlive(postgres), String(await readiness(place))]).toEqual([false, "0,0"]);
  });

  test("kill -9 of npm: everything ends, and npm start works at once", async () => {
    await stop(launched);
    const killed = launchIn(place, {}, throughNpm);
    await untilRunning(killed);
    killed.process.kill("SIGKILL");
    launched = launchIn(place);
    await untilRunning(launched);
    expect(await readiness(place)).toEqual([200, 200]);
  });

  test("SIGTERM: everything has ended within 10 s, with exit code 0", async () => {
    const processes = processesOf(place, launched.process.pid ?? 0);
    const before = Date.now();
    expect(await stop(launched)).toBe(0);
    expect(Date.now() - before).toBeLessThan(patiently(10_000));
    expect(Object.values(processes).filter(isAlive)).toEqual([]);
  });
});

test("npm start: works as an ordinary user", async () => {
  const place = await newPlace();
  if (process.getuid?.() === 0) await giveToOrdinaryUser(place);
  const launched = launchIn(place);
  await untilRunning(launched);
  expect(await readiness(place)).toEqual([200, 200]);
  expect(await stop(launched)).toBe(0);
});
