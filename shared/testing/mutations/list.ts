/** One fault, in one place of the servers, that a test has to notice. */
export interface Mutation {
  kind: "limit" | "expiry" | "ownership" | "permission" | "proof" | "once" | "caller";
  file: string;
  /** What stands there, exactly once. */
  find: string;
  replace: string;
  /** The test file that goes red; behind a `#` the name of its test, or a part of it, where the whole file takes long. */
  test: string;
}

type Fault = [kind: Mutation["kind"], find: string, replace: string, test?: string];

/** `find` and what it becomes; the test, where it is another than for the others of this file. */
function faultsOf(file: string, testOf: (name: string) => string, test: string, faults: readonly Fault[]): Mutation[] {
  return faults.map(([kind, find, replace, another = test]) => ({ kind, file, find, replace, test: testOf(another) }));
}

/** `flows/limits#siteMails` is that test of `flows/limits.test.ts`. */
const testIn = (folder: string) => (name: string) => folder + name.replace(/(?=#)|$/, ".test.ts");

const auth = (file: string, test: string, faults: readonly Fault[]) =>
  faultsOf(`auth-server/src/${file}`, testIn("auth-server/test/"), test, faults);

const app = (file: string, test: string, faults: readonly Fault[]) =>
  faultsOf(`app-server/src/${file}`, testIn("app-server/test/"), test, faults);

const shared = (file: string, test: string, faults: readonly Fault[]) =>
  faultsOf(`shared/${file}`, testIn(""), test, faults);

export const mutations: readonly Mutation[] = [
  ...auth("store/sessions.ts", "session", [
    [
      "ownership",
      `.$if(userId !== undefined, (sessions) => sessions.where("user_id", "=", userId ?? ""))`,
      "",
      "flows/every-code#sessions",
    ],
    ["ownership", `.selectAll()\n    .where("user_id", "=", userId)`, ".selectAll()", "flows/every-code#sessions"],
    [
      "ownership",
      `.where("user_id", "=", userId)\n    .where("user_sessions_counter"`,
      `.where("user_sessions_counter"`,
    ],
    [
      "ownership",
      `await db.deleteFrom("sessions").where("user_id", "=", userId).execute();`,
      `await db.deleteFrom("sessions").execute();`,
      "flows/user-deletion",
    ],
    ["ownership", `.where("id", "<>", keptSessionId)`, "", "flows/password-update"],
    [
      "ownership",
      `.deleteFrom("sessions")\n    .where("user_id", "=", userId)\n    .where("id", "<>"`,
      `.deleteFrom("sessions")\n    .where("id", "<>"`,
      "flows/password-update",
    ],
  ]),
  ...auth("actions/session.ts", "session", [
    ["expiry", "now >= session.createdAt + end", "now > session.createdAt + end"],
    [
      "expiry",
      "now >= session.lastActiveAt + settings.sessionInactivity",
      "now > session.lastActiveAt + settings.sessionInactivity",
    ],
    ["expiry", "user.sessions_counter === session.userSessionsCounter &&\n    (settings", "(settings"],
    [
      "expiry",
      "(settings.strict || user.password_hash_counter === session.userPasswordHashCounter)",
      "true",
      "flows/session-ends",
    ],
    [
      "proof",
      "if (context.settings.strict && !isRightSecret(session.secretHash, parts)) return undefined;",
      "",
      "flows/differences#R14: in strict mode",
    ],
    [
      "ownership",
      "userId: user.id,\n    userDisabledCounter: user.disabled_counter,",
      "userId: user.id,\n    userDisabledCounter: user.disabled_counter + 1,",
    ],
  ]),
  ...auth("actions/user-objects.ts", "session", [
    ["proof", "return !settings.strict && !isRightSecret(secretHash, parts);", "return false;"],
    ["permission", "!user.disabled && ", ""],
    ["permission", " && user.disabled_counter === object.userDisabledCounter", ""],
  ]),
  ...auth("store/signups.ts", "siblings", [
    ["limit", `.where("siblings", "<", limit)`, `.where("siblings", "<=", limit)`, "siblings#S-13: twenty siblings"],
    [
      "ownership",
      `eb.or([eb("id", "=", id), eb("family_id", "=", id)])`,
      `eb.or([eb("id", "=", id)])`,
      "siblings#S-13: a sibling of a sibling",
    ],
    [
      "proof",
      `.where("family_id", "=", familyId)\n    .where("email_address_verified", "=", true)`,
      `.where("family_id", "=", familyId)`,
      "flows/every-code#a sign-up that is limited",
    ],
    [
      "ownership",
      `await db.deleteFrom("signups").where("family_id", "=", familyId).execute();`,
      `await db.deleteFrom("signups").where("id", "=", familyId).execute();`,
      "siblings#S-13: when somebody else has the address",
    ],
    [
      "ownership",
      `signups.deleteFrom("signups").where("family_id", "=", familyId)`,
      `signups.deleteFrom("signups").where("id", "=", familyId)`,
      "siblings#S-13: who did not show the code",
    ],
    [
      "once",
      `.where("password_hash", "is not distinct from", before?.hash ?? null)`,
      "",
      "flows/every-code#the steps of a sign-up",
    ],
    [
      "once",
      `.where("id", "=", id)\n    .where("email_address_verified", "=", false)`,
      `.where("id", "=", id)`,
      "signup",
    ],
  ]),
  ...auth("actions/signup.ts", "signup", [
    [
      "expiry",
      "context.clock.now() >= signup.expiresAt",
      "context.clock.now() > signup.expiresAt",
      "signup#in its last second",
    ],
    [
      "expiry",
      "expiresAt: now + settings.expiration.signup,",
      "expiresAt: now + settings.expiration.signup + 1,",
      "signup#D-16, R13",
    ],
    ["limit", "const siblingsWithoutCode = 20;", "const siblingsWithoutCode = 21;", "siblings#S-13: twenty siblings"],
    [
      "proof",
      `if (!signup.emailAddressVerified) return failure("email_address_not_verified");\n  if (signup.password && context.settings.strict)`,
      "if (signup.password && context.settings.strict)",
    ],
    [
      "proof",
      `if (!signup.emailAddressVerified) return failure("email_address_not_verified");\n  if (!signup.password)`,
      "if (!signup.password)",
    ],
    ["proof", "const isRight = isRightCode(", "const isRight = true || isRightCode(", "signup#D-41"],
    [
      "proof",
      "return isRightSecret(signup.secretHash, parts) ? signup : undefined;",
      "return signup;",
      "flows/differences#R14: in strict mode",
    ],
    [
      "limit",
      `if (!(await mayGuessCode(context, signup.emailAddress, caller))) return "rate_limited";`,
      "",
      "signup#D-42",
    ],
    [
      "proof",
      `if (code === undefined) return failure("too_many_signups");\n  const fault = await findCodeFault(context, signup, code, caller);`,
      `if (code === undefined) return failure("too_many_signups");\n  const fault = undefined;`,
      "siblings#S-13: twenty siblings",
    ],
    [
      "limit",
      `const mail: AskedMail = { purpose: "signup", address: signup.emailAddress, caller };\n  if (!(await mayMail(context, mail))) return failure("rate_limited");`,
      `const mail: AskedMail = { purpose: "signup", address: signup.emailAddress, caller };`,
      "signup#D-37",
    ],
  ]),
  ...auth("store/signins.ts", "signin", [
    ["once", `.where("id", "=", id)\n    .where("user_first_factor_verified", "=", false)`, `.where("id", "=", id)`],
  ]),
  ...auth("actions/signin.ts", "signin", [
    [
      "expiry",
      "context.clock.now() >= signin.expiresAt",
      "context.clock.now() > signin.expiresAt",
      "signin#D-60: a signin lives",
    ],
    [
      "expiry",
      "expiresAt: createdAt + settings.expiration.signin,",
      "expiresAt: createdAt + settings.expiration.signin + 1,",
      "signin#D-60: a signin lives",
    ],
    [
      "proof",
      "if (!signin.userFirstFactorVerified || user === undefined) return",
      "if (user === undefined) return",
      "signin#steps out of order",
    ],
    [
      "permission",
      "if (!isActive(user, signin)) return end(context, signin);",
      "",
      "flows/session-ends#a signin, update or reset under way",
    ],
    [
      "permission",
      "const owner = user?.disabled ? undefined : user;",
      "const owner = user;",
      "signin#S-2: a decoy never verifies",
    ],
    [
      "expiry",
      "if (user.password_hash_counter !== signin.userPasswordHashCounter)",
      "if (false)",
      "flows/password-reset#R24, S-21, R28: every older session",
    ],
    [
      "proof",
      "return isRightSecret(signin.secretHash, parts) ? { signin, user } : undefined;",
      "return { signin, user };",
      "flows/differences#R14: in strict mode",
    ],
    [
      "once",
      `if (signin.userFirstFactorVerified) return failure("user_first_factor_already_verified");`,
      "",
      "signin#steps out of order",
    ],
    [
      "proof",
      "if (!(await isPasswordOf(context, place, user, args.password)) || !user) {",
      "if (!user) {",
      "signin#D-60: six wrong passwords",
    ],
    ["limit", "if (!paid.ok) return paid;", "", "signin#D-60: six wrong passwords"],
  ]),
  ...auth("actions/password-check.ts", "flows/password-update", [
    [
      "proof",
      "if (!(await isPasswordOf(context, place, user, password))) {",
      "if (false) {",
      "flows/password-update#something wrong is refused",
    ],
    ["limit", "if (!paid.ok) return paid;", "", "flows/password-update#five wrong passwords"],
    ["limit", "{ sessionId: valid.session.id, ", "{ sessionId: undefined, ", "flows/guesses#R10, R30: a password"],
    ["proof", "await passwordWasRight(context, paid);", "", "flows/guesses#R10, R30: a password"],
  ]),
  ...auth("actions/user-changes.ts", "flows/password-update", [
    [
      "expiry",
      "context.clock.now() >= change.expiresAt",
      "context.clock.now() > change.expiresAt",
      "flows/password-update#in the object's last second",
    ],
    [
      "ownership",
      `if (found.change.sessionId !== valid.session.id) return failure("session_mismatch");`,
      "",
      "flows/password-update#is a mismatch and ends nothing",
    ],
    [
      "expiry",
      "return !usesAddress || user.email_address_counter === change.userEmailAddressCounter;",
      "return true;",
      "flows/password-reset#it ends with what it rests on",
    ],
    [
      "expiry",
      "if (change.userId !== undefined && user?.password_hash_counter !== change.userPasswordHashCounter)",
      "if (false)",
      "flows/password-reset#it ends with what it rests on",
    ],
    [
      "once",
      `if (change.identityVerified) return failure("user_identity_already_verified");`,
      "",
      "flows/password-update#R14: every step is taken once",
    ],
    [
      "once",
      `if (change.newPassword) return failure("new_password_already_set");`,
      "",
      "flows/password-update#R14: every step is taken once",
    ],
    ["proof", "if (!shown.ok) return shown;", "", "flows/password-update#something wrong is refused"],
    [
      "permission",
      "if (!isActive(user, change)) return false;",
      "",
      "flows/password-reset#R27: it ends when the user is",
    ],
    [
      "proof",
      "if (!isRightSecret(change.secretHash, parts)) return undefined;",
      "",
      "flows/differences#R14: in strict mode",
    ],
  ]),
  ...auth("store/user-changes.ts", "flows/user-deletion", [
    [
      "ownership",
      `.where("id", "=", id)\n    .where("kind", "=", kind)`,
      `.where("id", "=", id)`,
      "flows/user-deletion#R14: tokens of other objects",
    ],
  ]),
  ...auth("actions/user-deletion.ts", "flows/user-deletion", [
    [
      "proof",
      `if (!change.identityVerified) return failure("user_identity_not_verified");`,
      "",
      "flows/user-deletion#no step works before",
    ],
    ["ownership", "await deleteSessionsOfUser(context.db, user.id);", "", "flows/user-deletion#R27: the user is gone"],
  ]),
  ...auth("actions/password-update.ts", "flows/password-update", [
    [
      "proof",
      `if (!found.change.identityVerified) return failure("user_identity_not_verified");`,
      "",
      "flows/password-update#no step works before",
    ],
    [
      "proof",
      `if (!change.newPassword) return failure("new_password_not_set");`,
      "",
      "flows/password-update#no step works before",
    ],
    [
      "ownership",
      "if (!context.settings.strict)\n    await endOtherSessions",
      "if (false)\n    await endOtherSessions",
      "flows/password-update#S-21, R28: every other session",
    ],
  ]),
  ...auth("actions/password-reset.ts", "flows/password-reset", [
    ["limit", `caller.isByLink() ? "reset" : "direct reset"`, `"reset"`, "flows/limits"],
    [
      "proof",
      `if (!change.identityVerified || !user) return failure("user_first_factor_not_verified");\n  return setNewPassword`,
      `if (!user) return failure("user_first_factor_not_verified");\n  return setNewPassword`,
      "flows/password-reset#no step works before",
    ],
    ["proof", "if (!isRight || !user)", "if (!user)", "flows/password-reset#something wrong is refused"],
    [
      "limit",
      `if (!(await mayGuessTemporaryPassword(context, guessed, caller))) return failure("rate_limited");`,
      "",
      "flows/password-reset#R11: five wrong temporary",
    ],
  ]),
  ...auth("actions/email-address-update.ts", "flows/email-address-update", [
    [
      "proof",
      `if (!found.change.newEmailAddressVerified) return failure("email_address_not_verified");\n  return verify`,
      "return verify",
      "flows/email-address-update#no step works before",
    ],
    [
      "proof",
      `if (!change.identityVerified) return failure("user_identity_not_verified");`,
      "",
      "flows/email-address-update#no step works before",
    ],
    ["proof", "if (!isRightCode(code, typed))", "if (false)", "flows/email-address-update#R14: a code of another"],
    [
      "limit",
      `if (!(await mayGuessUpdateCode(context, found.user.id, address))) return failure("rate_limited");`,
      "",
      "flows/email-address-update#R11: five wrong codes",
    ],
  ]),
  ...auth("store/maintenance.ts", "purge#S-19", [
    ["expiry", `"signups", sql\`expires_at <= \${now}\``, `"signups", sql\`expires_at <= \${now - 600}\``],
    ["expiry", `"signins", sql\`expires_at <= \${now}\``, `"signins", sql\`expires_at <= \${now + 600}\``],
    ["expiry", `"user_changes", sql\`expires_at <= \${now}\``, `"user_changes", sql\`false and \${now} = 0\``],
    ["expiry", `sql\`created_at <= \${oldestSession}\``, `sql\`created_at < \${oldestSession - 600}\``],
    ["expiry", `sql\`last_active_at <= \${oldestUse}\``, `sql\`last_active_at < \${oldestUse - 600}\``],
  ]),
  ...auth("http/app.ts", "http", [
    ["permission", "app.use(requireInternalSecret(context.settings.internalSecrets, context.events));", ""],
  ]),
  ...auth("http/invoke.ts", "http", [
    ["permission", "!Object.hasOwn(privateActions, action)", "action.length > 0"],
    [
      "permission",
      `...(userStore === "app" ? ["create_user_email_address_update" as const] : [])`,
      "",
      "flows/differences",
    ],
  ]),
  ...auth("users/local-users.ts", "flows/every-code#sessions", [["once", `.where(counter, "=", expected)`, ""]]),
  ...shared("runtime/rate-limits.ts", "shared/test/rate-limits", [
    [
      "limit",
      `where rate_limits.full_at <= \${now + (limit.capacity - 1) * limit.interval}::float8`,
      `where rate_limits.full_at <= \${now + limit.capacity * limit.interval}::float8`,
    ],
    ["limit", `set full_at = greatest(rate_limits.full_at, \${now}::float8)`, `set full_at = \${now}::float8`],
    ["limit", `sql\`full_at <= \${now}\``, `sql\`full_at <= \${now + 60}\``],
    [
      "limit",
      `.where("full_at", ">", now + (limit.capacity - 1) * limit.interval)`,
      `.where("full_at", ">", now + limit.capacity * limit.interval)`,
    ],
  ]),
  ...shared("runtime/http/client-address.ts", "shared/test/client-address", [
    ["caller", "while (isTrusted(caller, trustedProxies)) {", "for (;;) {"],
    ["caller", "return networkAt(parsed.toString(), 64);", "return parsed.toString();"],
    [
      "caller",
      `networkAt(caller.replace("/64", ""), 48)`,
      `networkAt(caller.replace("/64", ""), 64)`,
      "auth-server/test/flows/limits#callers of one network",
    ],
    ["caller", "parsed.kind() === network.kind() && parsed.match(network, bits)", "parsed.kind() === network.kind()"],
  ]),
  ...shared("runtime/http/private-calls.ts", "app-server/test/private-listener", [
    ["permission", "expected.some((digest) => timingSafeEqual(given, digest))", 'authorization !== ""'],
  ]),
  ...app("http/serve.ts", "decisions", [
    ["permission", `if (access === "admin" && !found.caller.permissions.includes("admin"))`, "if (false)"],
    [
      "limit",
      "const refused = await checkIpLimit(app, route);",
      "const refused = undefined as Problem | undefined;",
      "limits",
    ],
  ]),
  ...app("database/fragments.ts", "people", [
    [
      "ownership",
      `sql<boolean>\`(user_id = \${id} or registration_id = \${registration_id})\``,
      `sql<boolean>\`(user_id = \${id} or registration_id = \${registration_id} or true)\``,
      "people#S-F11: the next holder",
    ],
    [
      "permission",
      `(permissions.expires_at is null or permissions.expires_at > \${now})`,
      `(permissions.expires_at is null or \${now} > 0)`,
      "administrators#D-11: permissions come and go",
    ],
  ]),
  ...app("accounts/store.ts", "administrators", [
    [
      "ownership",
      `.set({ disabled, disabled_counter: sql\`disabled_counter + 1\` })\n    .where("id", "=", userId)`,
      `.set({ disabled, disabled_counter: sql\`disabled_counter + 1\` })`,
      "administration#R27: disabling ends",
    ],
    [
      "ownership",
      `sessions_counter + 1\` }).where("id", "=", userId).execute()`,
      `sessions_counter + 1\` }).execute()`,
      "administration#R27: ending the sessions",
    ],
    ["permission", `.on(permissionHolds(now))`, "", "administrators#D-11: permissions come and go"],
    [
      "permission",
      `.where("users.id", "=", userId)\n    .where("users.disabled", "=", false)`,
      `.where("users.id", "=", userId)`,
      "sessions#S-21: a disabled user's session",
    ],
    ["once", `.where("email_address_counter", "=", change.counter)`, "", "user-server"],
    ["once", `.where("password_hash_counter", "=", change.counter)`, "", "user-server"],
    ["once", `.where("sessions_counter", "=", counter)`, "", "user-server"],
  ]),
  ...app("callbacks/user-server.ts", "activation#D-46: who was not accepted", [
    ["permission", `if (!registration.mayActivate) return { ok: false, error: "user_not_accepted" };`, ""],
    [
      "permission",
      `if (!registration) return { ok: false, error: "user_not_found" };`,
      `if (!registration) return { ok: false, error: "user_not_accepted" };`,
    ],
  ]),
  ...app("callbacks/user-server.ts", "code-guesses", [
    ["expiry", "endsSessions: !(await authServer.endsSessionsItself())", "endsSessions: false"],
  ]),
  ...app("accounts/link-store.ts", "password-links", [
    ["ownership", "if (mail.requestId === undefined) return inOrder;", "return inOrder;"],
    [
      "expiry",
      `.where("superseded", "=", false)\n    .where("expires_at", ">", now)`,
      `.where("superseded", "=", false)`,
      "password-links#M-18: a link works until",
    ],
    [
      "once",
      `.where("is_open", "=", true)\n    .where("superseded", "=", false)`,
      `.where("is_open", "=", true)`,
      "password-links#K-10, acc F11",
    ],
    ["expiry", `.where("expires_at", ">", now - renewableFor)`, "", "password-links#M-18: a link works until"],
    [
      "ownership",
      `db.deleteFrom("account_links").where("user_id", "=", userId).where("used_at", "is", null);`,
      `db.deleteFrom("account_links").where("used_at", "is", null);`,
      "email-change#K-19: who gives up",
    ],
    [
      "once",
      `.where("id", "=", id)\n    .where("used_at", "is", null)`,
      `.where("id", "=", id)`,
      "email-change#twenty at once confirm",
    ],
  ]),
  ...app("accounts/email-change.ts", "email-change", [
    [
      "proof",
      "if (!equalInConstantTime(mac, link.code_mac ?? Buffer.alloc(mac.length)))",
      "if (false)",
      "email-change#K-6",
    ],
    ["expiry", "user.disabled || user.standing !== link.standing", "user.disabled", "email-change#S-21"],
    ["proof", "if (wrong) return refuseWith(wrong);", "", "email-change#R30, S-42"],
    ["permission", "if (blocked) return refuseWith(blocked);", "", "email-change#one's own address"],
    [
      "limit",
      "takingToken({ limit: limits.changesPerUser, key: userId }, now),",
      "",
      "email-change#S-18: a member asks for five",
    ],
    [
      "limit",
      "takingToken({ limit: limits.changesPerAddress, key: emailNorm }, now),",
      "",
      "email-change#S-18: a member asks for five",
    ],
    [
      "proof",
      `if (user.standing !== change.standing) return refuse("internal_conflict");`,
      "",
      "email-change#R24: a change that was asked for with the password of before",
    ],
    [
      "ownership",
      "if (await store.findUser(trx, { email: link.email_norm })) return begun;",
      "",
      "email-change#K-18: somebody else's address",
    ],
  ]),
  ...app("auth-server/as-visitor.ts", "email-change", [
    ["proof", "if (verified.ok) return undefined;", "return undefined;", "email-change#R30, S-42"],
    [
      "proof",
      "return verified.ok ? undefined : whyRefused(verified.error);",
      "return undefined;",
      "code-guesses#S-F17: before a Faroe that checks no password",
    ],
  ]),
  ...shared("wire/app/session.ts", "app-server/test/email-change#R30: Faroe's own action", [
    ["proof", `  "list_sessions",\n`, `  "list_sessions",\n  "verify_user_password",\n`],
  ]),
  ...app("accounts/own-sessions.ts", "account#R29", [
    ["proof", "if (password === undefined && !isRecent)", "if (false)"],
    ["proof", "if (wrong) return refuseWith(wrong);", ""],
    ["ownership", "session.id === which.sessionId", "session.id !== which.sessionId"],
  ]),
  ...app("accounts/deletion.ts", "account", [
    ["proof", "if (!verified.ok) {", "if (false) {", "account#R30"],
    ["permission", "if (isLast(await store.lockAdministrators(trx, now), userId)) return false;", "", "account#E-27"],
  ]),
  ...app("accounts/password-links.ts", "password-links", [
    ["proof", "async () => isRight(context, link, code) || undefined", "async () => true as const"],
    ["limit", `\`link to \${email}\``, "randomId()", "known-devices"],
    [
      "limit",
      'sendPasswordLink(context, address, "link")',
      "sendPasswordLink(context, address)",
      "password-links#D-37, S-F1",
    ],
    [
      "once",
      'if (!(await store.claimLink(db, link))) return cause === "site" ? tooManyRequests(1) : undefined;',
      "if (!(await store.claimLink(db, link))) return undefined;",
      "known-devices#S-F2: a link that is owed waits",
    ],
    ["limit", `return refusal?.reason === "rate_limited" ? undefined : refusal;`, "return refusal;", "known-devices"],
    ["limit", 'showCode(context, link, code, "link")', "showCode(context, link, code)", "known-devices"],
  ]),
  ...app("accounts/people-decisions.ts", "administration", [
    [
      "permission",
      `if (!administrators.includes(actor)) return refuse("missing_permission");`,
      "",
      "administration#R39: whose right",
    ],
    [
      "permission",
      `return userId === actor ? refusalOf("own_account") : undefined;`,
      "return undefined;",
      "administration#R37: nobody disables",
    ],
    [
      "permission",
      `if (administrators.length === 1) return refusalOf("last_administrator");`,
      "",
      "administration#R37, R39",
    ],
  ]),
  ...app("administration/setup-store.ts", "administrators#D-11: permissions come and go", [
    [
      "expiry",
      `.where("token_hash", "=", tokenHash)\n    .where("expires_at", ">", now)`,
      `.where("token_hash", "=", tokenHash)`,
      "administrators#D-59: a link is good for one hour",
    ],
  ]),
  ...app("accounts/permission-store.ts", "administrators#D-11: permissions come and go", [
    [
      "permission",
      `.where("user_id", "=", userId)\n    .where("permission", "=", permission)`,
      `.where("user_id", "=", userId)`,
    ],
    [
      "ownership",
      `.where("user_id", "=", userId)\n    .where("permission", "=", permission)`,
      `.where("permission", "=", permission)`,
    ],
  ]),
  ...app("accounts/permissions.ts", "administrators", [
    [
      "permission",
      `if (change.permission === "admin") return refuse("admin_not_grantable");`,
      "",
      "administrators#`admin` is neither",
    ],
  ]),
  ...app("mail/code-store.ts", "lookup", [
    [
      "expiry",
      `.where("key", "=", keyOf(type, email))\n    .where("expires_at", ">", now)`,
      `.where("key", "=", keyOf(type, email))`,
      "lookup#D-55: a code is found until",
    ],
  ]),
  ...app("mail/codes.ts", "lookup", [
    [
      "proof",
      "return equalInConstantTime(mac, kept ?? Buffer.alloc(mac.length));",
      "return kept !== undefined;",
      "people#S-F10: after the approval",
    ],
  ]),
  ...app("mail/store.ts", "mail-queue", [
    ["ownership", `.where("claimed_by", "=", settlement.processName)`, "", "mail-queue#only the worker"],
    ["ownership", `and claimed_by is null and interruptions`, "and interruptions", "mail-queue#mails of a process"],
    ["limit", "const mostInterruptions = 100;", "const mostInterruptions = 101;", "mail-queue#a mail whose worker"],
    ["limit", `where of_domain <= \${perDomain}`, "where true", "mail-queue#of one domain"],
  ]),
  ...app("database/leases.ts", "mail-queue#mails of a process", [["ownership", " <> all (array(", " = all (array("]]),
  ...app("operations/job-store.ts", "jobs#of several processes", [
    ["ownership", `.where(isFreeFor(processName, "jobs.held_by"))`, ""],
  ]),
  ...app("mail/suppression-store.ts", "mail-status", [
    [
      "limit",
      `case when \${count} >= \${limit}`,
      `case when \${count} > \${limit}`,
      "mail-status#an address that refuses for good",
    ],
  ]),
  ...app("accounts/preferences.ts", "mail-notices", [
    ["permission", "audience === undefined || permissions.includes(audience)", "permissions"],
    ["proof", "return unwanted.some((type) => found?.mail[type] === true);", "return false;", "fresh-proof"],
  ]),
  ...app("mail/opt-out/unsubscribe.ts", "mail-notices", [
    [
      "proof",
      'if (!isSwitchable(type) || !equalInConstantTime(sign(userId, type), Buffer.from(given, "base64url")))',
      "if (!isSwitchable(type))",
      "mail-notices#M-15: forged",
    ],
  ]),
  ...app("code-guesses.ts", "code-guesses", [
    ["limit", "!(await runSteps(db, [...guesses", "!(await runSteps(db, [...guesses.slice(2)"],
    ["once", "await forgettingGuesses(db, guesses).execute();", "", "code-guesses#R10, S-F3"],
    ["caller", `currentRequest()?.caller ?? ""`, `"everybody"`],
    [
      "ownership",
      "guessesOfCaller(guessLimits.code, subject, caller)",
      `guessesOfCaller(guessLimits.code, "", caller)`,
    ],
  ]),
  ...app("registration/approvers.ts", "jobs#H4", [
    ["limit", "const betweenDigests = 60 * 60;", "const betweenDigests = 60 * 60 - 1;"],
    ["limit", "const beforeReminder = 7 * 24 * 60 * 60;", "const beforeReminder = 7 * 24 * 60 * 60 - 1;"],
    ["once", "if (!isTurn) return;", ""],
  ]),
  ...app("registration/status.ts", "lookup", [
    ["proof", "return isRight ? id : undefined;", "return id;", "lookup#D-51"],
  ]),
  ...app("registration/withdrawing.ts", "people", [
    [
      "proof",
      `if (code === undefined) return refusalOf("code_needed");`,
      "if (code === undefined) return undefined;",
      "people#S-F10: after the approval",
    ],
    [
      "proof",
      `return guess.is === "right" ? undefined : refusalOf("incorrect_code");`,
      "return undefined;",
      "people#S-F10: after the approval",
    ],
    [
      "limit",
      `if (guess.is === "refused") return guess.refusal;\n  return guess`,
      "return guess",
      "people#S-F10: codes for withdrawing",
    ],
  ]),
  ...app("registration/store/registrations.ts", "decisions", [
    ["expiry", `.where("decided_at", ">", rejectedSince)`, "", "decisions#C3: after withdrawal"],
  ]),
  ...app("registration/store/decisions.ts", "decisions", [
    [
      "ownership",
      `.where((eb) => eb.not(eb.exists(eb.selectFrom("users").select("id").where("email_norm", "=", email))))`,
      "",
      "decisions#C3: what was rejected",
    ],
    [
      "ownership",
      `.where("id", "=", id)\n    .where("email", "=", email)\n    .forUpdate()`,
      `.where("id", "=", id)\n    .forUpdate()`,
      "people#S-F10: without a choice",
    ],
  ]),
  ...app("registration/store/endings.ts", "expiry", [
    [
      "expiry",
      `expires_at: keepUntil })\n        .where("expires_at", "<=", now)`,
      `expires_at: keepUntil })\n        .where("expires_at", "<", now)`,
      "expiry#C3: a registration nobody",
    ],
    [
      "expiry",
      `.where("signup_expires_at", "<=", now)`,
      `.where("signup_expires_at", "<", now)`,
      "expiry#C3: an approved one falls",
    ],
    [
      "ownership",
      "and not exists (select from users where email_norm = further.email)",
      "",
      "people#acc F8: of further requests",
    ],
  ]),
  ...app("registration/moves.ts", "decisions", [
    ["once", `.where("state", "in", [...from])`, "", "decisions#D-34, C3"],
    [
      "once",
      "sql<boolean>`approved_at is not null and old.approved_at is null`",
      "sql<boolean>`approved_at is not null`",
      "decision-log",
    ],
  ]),
  ...app("registration/states.ts", "decisions", [
    [
      "once",
      `accept: { from: ["REQUESTED"]`,
      `accept: { from: ["REQUESTED", "OPEN"]`,
      "decisions#D-32: accepting again",
    ],
    ["once", `reject: {\n    from: ["REQUESTED"]`, `reject: {\n    from: ["REQUESTED", "OPEN"]`, "decisions#D-34, C3"],
    [
      "ownership",
      `withdraw: { from: ["REQUESTED", "DECOY"]`,
      `withdraw: { from: ["REQUESTED", "DECOY", "OPEN"]`,
      "people#S-F10: after the approval",
    ],
    ["expiry", `expire: { from: ["REQUESTED", "ACCEPTED"]`, `expire: { from: ["REQUESTED"]`, "expiry"],
  ]),
  ...app("administration/oversight-routes.ts", "administrators#D-11: every administrator's route", [
    [
      "permission",
      `defineRoute("POST /admin/decide_many/", {
    access: "admin"`,
      `defineRoute("POST /admin/decide_many/", {
    access: "user"`,
    ],
  ]),
  ...app("administration/mail-routes.ts", "administrators#D-11: every administrator's route", [
    [
      "permission",
      `defineRoute("POST /admin/mails/clear_address/", {
    access: "admin"`,
      `defineRoute("POST /admin/mails/clear_address/", {
    access: "user"`,
    ],
  ]),
  ...app("administration/people-routes.ts", "fresh-proof", [
    [
      "proof",
      "needsProof: true,\n    handle: async (call) => done(await rules.enableUser",
      "handle: async (call) => done(await rules.enableUser",
    ],
  ]),
  ...app("administration/batch-store.ts", "bulk-decisions#H1", [
    [
      "ownership",
      `.where("id", "=", id)\n    .where("actor", "=", actor)\n    .executeTakeFirst();\n  if (!batch)`,
      `.where("id", "=", id)\n    .executeTakeFirst();\n  if (!batch)`,
    ],
  ]),
  ...app("administration/oversight-routes.ts", "fresh-proof", [
    ["proof", "needsProof: true,\n    maxBody: 320 * 1024,", "maxBody: 320 * 1024,"],
  ]),
  ...app("registration/routes.ts", "fresh-proof", [
    [
      "limit",
      "limit: limits.statusPerCaller,\n    handle: async ({ http, app, body })",
      "handle: async ({ http, app, body })",
      "limits",
    ],
    ["limit", "limit: limits.renewalsPerCaller,", "", "limits"],
  ]),
  ...app("registration/routes.ts", "administrators#D-11: every administrator's route", [
    [
      "permission",
      `defineRoute("POST /admin/delete_registration/", {
    access: "admin"`,
      `defineRoute("POST /admin/delete_registration/", {
    access: "user"`,
    ],
  ]),
  ...auth("http/caller.ts", "flows/guesses#R10: a device is known to its own users only", [
    ["caller", `users?.split(",").includes(\`\${id}@\${passwordHashCounter}\`) ? device : undefined`, "device"],
    [
      "expiry",
      `users?.split(",").includes(\`\${id}@\${passwordHashCounter}\`)`,
      `users?.includes(\`\${id}@\`)`,
      "flows/guesses#S-F2: a device on which only",
    ],
  ]),
  ...auth("limits/guesses.ts", "flows/guesses", [
    [
      "limit",
      "guesses: [...guessesOfCaller(guessLimits.passwordByCaller, userId, who), everybodys]",
      "guesses: guessesOfCaller(guessLimits.passwordByCaller, userId, who)",
      "flows/guesses#R9: of guesses at once",
    ],
    [
      "limit",
      `guesses: [of(guessLimits.passwordByDevice, who), of(guessLimits.passwordByDevices, "")]`,
      `guesses: [of(guessLimits.passwordByDevices, "")]`,
      "flows/guesses#R10, G8: a known device",
    ],
    [
      "limit",
      `of(guessLimits.passwordByDevice, who), of(guessLimits.passwordByDevices, "")`,
      "of(guessLimits.passwordByDevice, who)",
      "flows/guesses#R9, S-F2: however many devices",
    ],
    [
      "caller",
      "isKnown ? [{ limit: limits.signinsByCaller, key: payer }] : tokensOfCaller",
      "isKnown ? [{ limit: limits.signinsByCaller, key: who }] : tokensOfCaller",
      "flows/guesses#S-F3: one caller begins a hundred",
    ],
    [
      "caller",
      `return { who: \`device \${device}\`, isKnown: true, payer };`,
      `return { who: \`device \${device}\`, isKnown: true, payer: device };`,
      "flows/guesses#S-F3: one caller begins a hundred",
    ],
    [
      "limit",
      "limit.most);\n  return { ok: true",
      "limit.most && limit === guessLimits.password);\n  return { ok: true",
      "flows/limits#R10: behind one IPv4 address",
    ],
    [
      "limit",
      "tokens: tokensOfCaller(limits.passwordsByCaller, who)",
      "tokens: []",
      "flows/guesses#S-F3, S-17: one caller tries 25",
    ],
    [
      "caller",
      "tokens: tokensOfCaller(limits.passwordsByCaller, who)",
      `tokens: tokensOfCaller(limits.passwordsByCaller, "")`,
      "flows/guesses#S-F3, S-17: one caller tries 25",
    ],
    [
      "caller",
      "guessesOfCaller(limit.byCaller, subject, who)",
      `guessesOfCaller(limit.byCaller, subject, "")`,
      "flows/guesses#S-18: guesses at a sign-up's code",
    ],
    [
      "ownership",
      "guessesOfCaller(limit.byCaller, subject, who)",
      `guessesOfCaller(limit.byCaller, "", who)`,
      "flows/guesses#S-18: a caller who guessed wrong at one code",
    ],
    ["limit", "if (!user || !isFirstToday) return;", "if (!user) return;", "flows/guesses#R9: of guesses at once"],
    [
      "limit",
      "(counts[index] ?? 0) >= limit.most",
      "(counts[index] ?? 0) > limit.most",
      "flows/guesses#R9: of guesses at once",
    ],
    [
      "once",
      "if (guess.guesses.length > 0) await forgettingGuesses(context.db, guess.guesses).execute();",
      "",
      "flows/guesses#R10: a right password that is shown once more",
    ],
  ]),
  ...shared("runtime/guesses.ts", "auth-server/test/flows/guesses#R10, S-F2: who guesses wrong waits longer", [
    ["limit", `case when guesses.tries < \${free}`, `case when guesses.tries <= \${free}`],
    ["limit", `(guesses.tries < \${limit.most}`, `(guesses.tries <= \${limit.most}`],
    ["limit", "else least(3600, 30 * 2 ^", "else least(3600, 15 * 2 ^"],
    [
      "expiry",
      `guesses.last_at + \${waitAfter(limit)} <= \${now}`,
      `guesses.last_at + \${waitAfter(limit)} <= 1 + \${now}`,
    ],
    [
      "expiry",
      `guesses.forget_at <= \${now}`,
      `guesses.forget_at < \${now}`,
      "auth-server/test/flows/guesses#S-F16, S-19",
    ],
    [
      "ownership",
      `(kind, subject, who) in (\${sql.join(keys)})`,
      `true or (kind, subject, who) in (\${sql.join(keys)})`,
      "auth-server/test/flows/guesses#R9: a right password and a reset",
    ],
    [
      "caller",
      "return [own, { limit: { kind: limit.kind, ...limit.ofNetwork }, subject, who: network }];",
      "return [own];",
      "auth-server/test/flows/limits#callers of one network",
    ],
    ["limit", "return Math.max(0, rows[0]?.seconds ?? 0);", "return 0;", "app-server/test/code-guesses#R10, S-F3"],
    ["expiry", `sql\`forget_at <= \${now}\``, `sql\`forget_at <= \${now + 60}\``, "app-server/test/limits#S-19, S-F16"],
  ]),
  ...shared("runtime/rate-limits.ts", "auth-server/test/flows/limits#callers of one network", [
    ["caller", "return [own, { limit: shared, key: network }];", "return [own];"],
    ["limit", "const networkShare = 10;", "const networkShare = 11;", "shared/test/rate-limits#R9: callers of one"],
  ]),
  ...auth("store/guesses.ts", "flows/guesses#R9: a right password and a reset", [
    [
      "ownership",
      `.deleteFrom("guesses")\n    .where("subject", "=", userId)\n    .where((eb) =>`,
      `.deleteFrom("guesses")\n    .where((eb) =>`,
    ],
  ]),
  ...app("http/device.ts", "known-devices#S-F2: a device is known for half a year", [
    ["expiry", 'Number(entry.split("@")[2]) < lifetime', 'Number(entry.split("@")[2]) <= lifetime'],
    ["limit", "const mostUsers = 5;", "const mostUsers = 6;"],
    [
      "proof",
      "if (!value || !equalInConstantTime(Buffer.from(sign(proof)), Buffer.from(signature))) return undefined;",
      "if (!value) return undefined;",
      "known-devices#S-F2, R10, G8",
    ],
  ]),
  ...auth("limits/mail-limits.ts", "flows/limits#S-F1, S-18: five mails", [
    ["limit", `[{ limit: own, key: \`\${address} \${caller.key()}\` }, shared]`, "[shared]"],
    ["ownership", `key: \`\${address} \${caller.key()}\``, "key: caller.key()"],
    ["caller", `key: \`\${address} \${caller.key()}\``, "key: address"],
    [
      "caller",
      "if (caller.isSite()) return [{ limit: limits.siteMails, key: address }];",
      "",
      "flows/limits#siteMails",
    ],
    [
      "limit",
      "const tokens = tokensOfCaller(limits.resetsByCaller, caller.key());",
      "return true;",
      "flows/guesses#S-17: ten resets",
    ],
  ]),
  ...auth("passwords/hash-queue.ts", "overload#S-F3: a flood", [
    ["limit", "own >= mostOfOne", "own > mostOfOne"],
    [
      "caller",
      "lines.delete(who);\n    if (rest.length > 0) lines.set(who, rest);",
      "if (rest.length > 0) lines.set(who, rest);\n    else lines.delete(who);",
    ],
    ["caller", "claimant?.isKnown ? 0 : 1", "claimant ? 1 : 1", "overload#S-F3: when many addresses"],
    ["limit", "places += ofTheLine;", "places += 1;", "overload#S-F3: when many addresses"],
    ["limit", "places < ofTheLine", "places + 1 < ofTheLine", "overload#S-F3: when many addresses"],
  ]),
  ...auth("limits/limits.ts", "flows/guesses", [
    [
      "limit",
      `kind: "passwords_by_caller",\n    capacity: 25`,
      `kind: "passwords_by_caller",\n    capacity: 26`,
      "flows/guesses#S-F3, S-17: one caller tries 25",
    ],
    [
      "limit",
      `kind: "signins_by_caller",\n    capacity: 100`,
      `kind: "signins_by_caller",\n    capacity: 101`,
      "flows/guesses#S-F3: one caller begins a hundred",
    ],
    ["limit", `capacity: 10,\n    interval: 360`, `capacity: 11,\n    interval: 360`, "flows/guesses#S-17: ten resets"],
    [
      "limit",
      `kind: "signup_mails_by_caller",\n    capacity: 5`,
      `kind: "signup_mails_by_caller",\n    capacity: 6`,
      "flows/limits#S-F1, S-18: five mails",
    ],
    ["limit", `kind: "reset_mails",\n    capacity: 5`, `kind: "reset_mails",\n    capacity: 6`, "flows/limits#R38"],
    [
      "limit",
      `kind: "direct_reset_mails",\n    capacity: 5`,
      `kind: "direct_reset_mails",\n    capacity: 6`,
      "flows/limits#R38",
    ],
    [
      "limit",
      `kind: "lock_mails",\n    capacity: 1`,
      `kind: "lock_mails",\n    capacity: 2`,
      "flows/guesses#R9: of guesses at once",
    ],
    ["limit", `free: 100,\n    most: 100`, `free: 101,\n    most: 101`, "flows/guesses#R9: of guesses at once"],
    [
      "limit",
      `kind: "password_by_caller",\n    free: 5,\n    most: 20`,
      `kind: "password_by_caller",\n    free: 6,\n    most: 20`,
      "flows/guesses#R10, S-F2: who guesses wrong waits longer",
    ],
    [
      "limit",
      `kind: "password_by_caller",\n    free: 5,\n    most: 20`,
      `kind: "password_by_caller",\n    free: 5,\n    most: 21`,
      "flows/guesses#R10, S-F2: who guesses wrong waits longer",
    ],
    [
      "limit",
      `kind: "password_by_device",\n    free: 5`,
      `kind: "password_by_device",\n    free: 6`,
      "flows/guesses#R10, G8: a known device",
    ],
    [
      "limit",
      `kind: "code_by_caller",\n    free: 5`,
      `kind: "code_by_caller",\n    free: 6`,
      "flows/guesses#S-18: guesses at a sign-up's code",
    ],
    [
      "limit",
      `kind: "temporary_password_by_caller",\n    free: 5`,
      `kind: "temporary_password_by_caller",\n    free: 6`,
      "flows/guesses#S-18: guesses at a temporary password",
    ],
    [
      "limit",
      `kind: "verify_user_password", capacity: 5`,
      `kind: "verify_user_password", capacity: 6`,
      "flows/guesses#everybody shares the five guesses",
    ],
  ]),
  ...auth("actions/password-reset.ts", "flows/limits#S-F1, S-F11", [
    ["ownership", "one.userId === other.userId &&", ""],
    ["expiry", "one.userPasswordHashCounter === other.userPasswordHashCounter &&", ""],
    ["expiry", "one.userEmailAddressCounter === other.userEmailAddressCounter &&", ""],
    ["expiry", "one.userDisabledCounter === other.userDisabledCounter", "true"],
  ]),
  // Every bucket stands in docs/security.md, which is held to the code.
  ...faultsOf("app-server/src/limits.ts", testIn(""), "shared/test/tables", [
    ["limit", `kind: "email_change_user",\n    capacity: 5`, `kind: "email_change_user",\n    capacity: 6`],
  ]),
  ...faultsOf("auth-server/src/limits/limits.ts", testIn(""), "shared/test/tables", [
    ["limit", `kind: "site_mails",\n    capacity: 20`, `kind: "site_mails",\n    capacity: 21`],
    ["limit", `kind: "codes",\n    capacity: 50_000`, `kind: "codes",\n    capacity: 50_001`],
    ["limit", `kind: "update_mails_by_user",\n    capacity: 5`, `kind: "update_mails_by_user",\n    capacity: 6`],
  ]),
  ...shared("runtime/http/request-scope.ts", "shared/test/request-scope", [
    ["caller", "this.#speaksForOthers() ? trustIn(remote) : trustInNobody", "trustIn(remote)"],
    [
      "caller",
      `this.#speaksForOthers() ? this.#header("x-anteroom-device") : undefined`,
      `this.#header("x-anteroom-device")`,
    ],
    ["caller", "return this.#source.proxies;", "return trustIn(remote);", "auth-server/test/signin#R44"],
    ["caller", `if (this.#source.from === "visitors") return this.#source.device?.(this.#header("cookie"));`, ""],
    ["caller", `this.#speaksForOthers() ? this.#header("x-request-id") : undefined`, `this.#header("x-request-id")`],
    [
      "caller",
      `this.#speaksForOthers() ? this.#header("x-anteroom-cause") : undefined`,
      `this.#header("x-anteroom-cause")`,
    ],
  ]),
  ...shared("runtime/security-events.ts", "shared/test/security-events", [
    [
      "ownership",
      "hmacSha256(key, normalizeEmailAddress(address))",
      `hmacSha256(Buffer.from("key"), normalizeEmailAddress(address))`,
    ],
    ["ownership", "hmacSha256(key, normalizeEmailAddress(address))", "hmacSha256(key, address)"],
    ["ownership", "const hash = address === undefined ? undefined : hashOf(key, address);", "const hash = address;"],
    ["limit", "if (more !== undefined) return;", ""],
    ["caller", "[line.name, line.caller, line.action, line.outcome]", "[line.name, line.action, line.outcome]"],
  ]),
  ...app("limits.ts", "limits", [
    [
      "limit",
      `kind: "ip_registration",\n    capacity: 10`,
      `kind: "ip_registration",\n    capacity: 11`,
      "limits#S-17: the eleventh registration",
    ],
    [
      "limit",
      `kind: "ip_registration",\n    capacity: 10,\n    interval: 360`,
      `kind: "ip_registration",\n    capacity: 10,\n    interval: 180`,
      "limits#acc F19",
    ],
    [
      "limit",
      `kind: "ip_lookup",\n    capacity: 30`,
      `kind: "ip_lookup",\n    capacity: 31`,
      "limits#S-16: the thirty-first",
    ],
    [
      "limit",
      `kind: "ip_setup",\n    capacity: 10`,
      `kind: "ip_setup",\n    capacity: 11`,
      "limits#S-17: guesses at setup links",
    ],
    [
      "limit",
      `kind: "code_by_caller", capacity: 5`,
      `kind: "code_by_caller", capacity: 6`,
      "lookup#S-16: of twenty guesses",
    ],
    [
      "limit",
      `kind: "code_resend",\n    capacity: 1`,
      `kind: "code_resend",\n    capacity: 2`,
      "people#acc F21: a button",
    ],
    [
      "limit",
      `kind: "email_change_code",\n    capacity: 5`,
      `kind: "email_change_code",\n    capacity: 6`,
      "email-change#S-18: the sixth guess",
    ],
  ]),
  ...app("http/fresh-proof.ts", "fresh-proof#S-F15: after 15 minutes", [
    ["expiry", "now - createdAt < proofLasts", "now - createdAt < 2 * proofLasts"],
    ["expiry", "if (!(now - shownAt < proofLasts)) return false;", ""],
    ["expiry", "now - shownAt < proofLasts", "now - shownAt < 2 * proofLasts"],
    ["proof", "return equalInConstantTime(Buffer.from(proof), Buffer.from(expected));", `return proof !== "";`],
    ["proof", "if (!refusal) writeProof(", "writeProof("],
    ["proof", `isFresh(http, app, session, now) ? undefined : refusalOf("password_needed")`, "undefined"],
  ]),
  ...app("credentials.ts", "fresh-proof#S-F15: after 15 minutes", [
    ["ownership", `hmacSha256(proofKey, \`\${sessionId}\\0\${at}\`)`, `hmacSha256(proofKey, \`\${at}\`)`],
    ["expiry", `hmacSha256(proofKey, \`\${sessionId}\\0\${at}\`)`, "hmacSha256(proofKey, sessionId)"],
  ]),
  ...app("registration/ending.ts", "people#S-F10: of further requests for an address that was rejected", [
    ["ownership", "stored.held ? [stored.email] : []", "[stored.email]"],
    [
      "once",
      "if (stored) await store.promoteNext(trx, stored.held ? [stored.email] : [], now);",
      "",
      "people#S-F10: when the first is withdrawn",
    ],
    [
      "ownership",
      "if (ended?.signupToken) await endSignup(",
      "if (ended === undefined) await endSignup(",
      "people#acc F8: of an approved one",
    ],
  ]),
  ...app("mail/send/verdict.ts", "smtp", [
    [
      "permission",
      " || otherReason.test(words)) return false;",
      ") return false;",
      "smtp#says nothing of the address is deferred",
    ],
    [
      "permission",
      `(level ?? reply) !== "5" || otherReason`,
      `otherReason`,
      "smtp#M-31: what a relay refuses for good",
    ],
    [
      "permission",
      "detail === undefined && isAnswerToAddress &&",
      "detail === undefined &&",
      "smtp#M-31: what a relay refuses for good",
    ],
    [
      "permission",
      `if (detail === undefined || saysNothing.has(detail)) return deadWords.test(words);`,
      "if (detail === undefined || saysNothing.has(detail)) return true;",
      "smtp#M-31: what a relay refuses for good",
    ],
  ]),
  ...app("mail/send/refusals.ts", "refusals", [
    ["limit", "const tooManyAlike = 5;", "const tooManyAlike = 6;"],
    ["expiry", "now - since > shortTime", "false"],
    ["ownership", "alike.set(email, id);", "alike.set(id, id);"],
    ["once", "accepted: () => alike.clear()", "accepted: () => undefined"],
    ["limit", "< remindAfter) return false;", "<= remindAfter) return false;"],
  ]),
  ...app("mail/send/settle.ts", "mail-status#an address that refuses for good three times", [
    [
      "limit",
      `const isRefusal = outcome.status === "failed" && isTried(row);`,
      `const isRefusal = outcome.status === "failed";`,
    ],
    ["limit", `  if (!isTried(row))\n    return`, `  if (false)\n    return`],
    [
      "permission",
      "suppressed_because === null || codeTypes.includes(type)",
      "suppressed_because === null",
      "bounces#mail 6: a mail that gets through",
    ],
    [
      "once",
      `if (outcome.status === "accepted") refusals.accepted();`,
      "",
      "bounces#mail 1: a relay that takes others",
    ],
  ]),
];
