import { pbkdf2Sync, randomBytes, scryptSync } from "node:crypto";
import { hash as hashBcrypt } from "@node-rs/bcrypt";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseHashAlgorithm } from "../../src/passwords/hash-algorithm.ts";
import { createHashQueue } from "../../src/passwords/hash-queue.ts";
import { createPasswords } from "../../src/passwords/passwords.ts";
import { countOutcomes, outcome, password, prepareSignin, signIn, succeed } from "../steps.ts";
import { emailAddressUpdate, passwordUpdate, prepare, userDeletion } from "./flow.ts";
import { begin, join, type Person, type Rig, startRig, stores } from "./rig.ts";

const ours = "argon2id.1.64.1.32";

interface Stored {
  password_hash: string;
  password_hash_algorithm_id: string;
  password_salt: string;
}

function stored(id: string, hash: Uint8Array, salt: Uint8Array): Stored {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return { password_hash: text(hash), password_hash_algorithm_id: id, password_salt: text(salt) };
}

const salt = randomBytes(16);

const makers: [string, (text: string) => Promise<Stored>][] = [
  ["argon2id of other parameters", (text) => argon2id("argon2id.2.128.1.32", text)],
  ["argon2id with two lanes and 24 bytes", (text) => argon2id("argon2id.1.64.2.24", text)],
  ["bcrypt", async (text) => stored("bcrypt", Buffer.from(await hashBcrypt(text, 4)), Buffer.alloc(0))],
  ["scrypt", async (text) => stored("scrypt.1024.8.1.32", scryptSync(text, salt, 32, { N: 1024 }), salt)],
  ["PBKDF2-SHA-256", async (text) => stored("pbkdf2.sha256.1000.32", pbkdf2Sync(text, salt, 1000, 32, "sha256"), salt)],
  ["PBKDF2-SHA-512", async (text) => stored("pbkdf2.sha512.1000.64", pbkdf2Sync(text, salt, 1000, 64, "sha512"), salt)],
  ["PBKDF2-SHA-1", async (text) => stored("pbkdf2.sha1.1000.20", pbkdf2Sync(text, salt, 1000, 20, "sha1"), salt)],
];

async function argon2id(id: string, text: string): Promise<Stored> {
  const parameters = parseHashAlgorithm(id);
  if (parameters === undefined) throw new Error(id);
  using place = createHashQueue(1).takePlace(undefined);
  const made = await createPasswords(parameters, { anyAlgorithm: false }).hash(place, text);
  return stored(id, made.hash, made.salt);
}

describe.each(stores)("with users in the store %s", (store) => {
  let rig: Rig;
  let ada: Person;

  beforeAll(async () => {
    rig = await startRig(store);
  });
  afterAll(() => rig?.stop());
  beforeEach(async () => {
    await begin(rig);
    ada = await join(rig, "ada@example.com");
  });

  const verify = async (text: string) => {
    const { signin_token } = await succeed(rig, "create_signin", { user_email_address: ada.address });
    return outcome(rig, "verify_signin_user_password", { signin_token, password: text });
  };

  test.each(makers)("R7: a hash by %s: wrong is refused, right signs in and is hashed anew", async (_, make) => {
    const brought = await make(password);
    await rig.users.change(ada.id, { ...brought });
    for (const wrong of ["", `${password}x`, password.toUpperCase()])
      expect(await verify(wrong)).toBe("incorrect_password");
    expect(await rig.users.find(ada.id)).toMatchObject(brought);
    const { session_token } = await signIn(rig, ada.address);
    expect(await outcome(rig, "get_session", { session_token })).toBe("ok");
    const now = await rig.users.find(ada.id);
    expect(now).toMatchObject({ password_hash_algorithm_id: ours, password_hash_counter: 1 });
    expect(Buffer.from(now?.password_salt ?? "", "base64")).toHaveLength(16);
    expect(Buffer.from(now?.password_hash ?? "", "base64")).toHaveLength(32);
    await signIn(rig, ada.address);
    expect(await rig.users.find(ada.id)).toEqual(now);
  });

  test("R7: whatever was open goes on under the new hash", async () => {
    const changes = [];
    for (const flow of [emailAddressUpdate, passwordUpdate, userDeletion])
      changes.push({ flow, change: await prepare(rig, flow, ada, 1) });
    const signin = await prepareSignin(rig, ada.address);
    await rig.users.change(ada.id, await argon2id("argon2id.2.128.1.32", password));
    await signIn(rig, ada.address);
    expect(await rig.users.find(ada.id)).toMatchObject({ password_hash_counter: 1 });
    expect(await outcome(rig, "get_session", { session_token: ada.session_token })).toBe("ok");
    for (const { flow, change } of changes)
      expect([flow.object, await outcome(rig, `get_${flow.object}`, change.args)]).toEqual([flow.object, "ok"]);
    expect(await outcome(rig, "complete_signin", signin)).toBe("ok");
  });

  test("R7: twenty at once sign in over an old hash: one of them verifies, and its signin opens a session", async () => {
    await rig.users.change(ada.id, await argon2id("argon2id.2.128.1.32", password));
    const { signin_token } = await succeed(rig, "create_signin", { user_email_address: ada.address });
    const counts = await countOutcomes(20, () =>
      outcome(rig, "verify_signin_user_password", { signin_token, password }),
    );
    expect([counts.ok, counts.internal_error]).toEqual([1, undefined]);
    expect(await outcome(rig, "complete_signin", { signin_token })).toBe("ok");
    expect(await rig.users.find(ada.id)).toMatchObject({ password_hash_counter: 1 });
  });

  test("R4: an old hash of characters as they came verifies too, and is made anew of the normal form", async () => {
    const decomposed = "crème brûlée à l'été".normalize("NFD");
    await rig.users.change(ada.id, await argon2id(ours, decomposed));
    expect(await verify(decomposed)).toBe("ok");
    await rig.users.change(ada.id, await argon2id("argon2id.2.128.1.32", decomposed));
    expect(await verify(decomposed)).toBe("ok");
    expect(await verify(decomposed.normalize("NFC"))).toBe("ok");
  });

  test.each(["scrypt.1.8.1.32", "scrypt.99999999.99.99.999", "pbkdf2.md5.1000.16", "pbkdf2.sha256.0.32", "bcrypt"])(
    "a hash that cannot be computed is a fault or no match, never a sign-in: %s",
    async (password_hash_algorithm_id) => {
      await rig.users.change(ada.id, { password_hash_algorithm_id });
      expect(["internal_error", "incorrect_password"]).toContain(await verify(password));
    },
  );

  test("a hash of no bytes is no hash that everything matches", async () => {
    for (const password_hash_algorithm_id of [
      "scrypt.1024.8.1.0",
      "pbkdf2.sha256.1000.0",
      "argon2id.1.64.1.0",
      "bcrypt",
    ]) {
      await rig.users.change(ada.id, { password_hash: "", password_hash_algorithm_id });
      expect(["internal_error", "incorrect_password"]).toContain(await verify(password));
    }
  });
});

test.each([
  ["never happens", { transport: true }, 0],
  ["happens, but its answer is lost", { transport: true, after: true }, 1],
  ["is answered with nonsense", { raw: "no" }, 0],
])("R7: a renewal that %s fails neither the sign-in nor what is open", async (_, fault, counter) => {
  const rig = await startRig("app");
  await begin(rig);
  const ada = await join(rig, "ada@example.com");
  await rig.users.change(ada.id, await argon2id("argon2id.2.128.1.32", password));
  rig.app.faults.push({ target: "user_server", op: "update_user_password_hash", ...fault });
  for (const session_token of [(await signIn(rig, ada.address)).session_token, ada.session_token])
    expect(await outcome(rig, "get_session", { session_token })).toBe("ok");
  expect(await rig.users.find(ada.id)).toMatchObject({ password_hash_counter: counter });
  await signIn(rig, ada.address);
  expect(await rig.users.find(ada.id)).toMatchObject({ password_hash_counter: 1, password_hash_algorithm_id: ours });
  expect(await outcome(rig, "get_session", { session_token: ada.session_token })).toBe("ok");
  await rig.stop();
});

test("R7: in strict mode hashes stay as they are, and other algorithms are internal_error, as in Faroe", async () => {
  const rig = await startRig("app", { AUTH_FAROE_STRICT: "true" });
  await begin(rig);
  const ada = await join(rig, "ada@example.com");
  await rig.users.change(ada.id, await argon2id("argon2id.2.128.1.32", password));
  const { signin_token } = await succeed(rig, "create_signin", { user_email_address: ada.address });
  expect(await outcome(rig, "verify_signin_user_password", { signin_token, password })).toBe("internal_error");
  await rig.stop();
});
