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
    ["limit", `.where("siblings", "<", limit)`, `.where("siblings", "<=", limit)`],
    ["ownership", `eb.or([eb("id", "=", id), eb("family_id", "=", id)])`, `eb.or([eb("id", "=", id)])`],
    [
      "proof",
      `.where("family_id", "=", familyId)\n    .where("email_address_verified", "=", true)`,
      `.where("family_id", "=", familyId)`,
    ],
    [
      "ownership",
      `await db.deleteFrom("signups").where("family_id", "=", familyId).execute();`,
      `await db.deleteFrom("signups").where("id", "=", familyId).execute();`,
    ],
    [
      "ownership",
      `signups.deleteFrom("signups").where("family_id", "=", familyId)`,
      `signups.deleteFrom("signups").where("id", "=", familyId)`,
    ],
    ["once", `.where("password_hash", "is not distinct from", before?.hash ?? null)`, "", "signup"],
    [
      "once",
      `.where("id", "=", id)\n    .where("email_address_verified", "=", false)`,
      `.where("id", "=", id)`,
      "signup",
    ],
  ]),
  ...auth("actions/signup.ts", "signup", [
    ["expiry", "context.clock.now() >= signup.expiresAt", "context.clock.now() > signup.expiresAt"],
    ["expiry", "expiresAt: now + settings.expiration.signup,", "expiresAt: now + settings.expiration.signup + 1,"],
    ["limit", "const siblingsWithoutCode = 20;", "const siblingsWithoutCode = 21;", "siblings"],
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
    ["proof", "const isRight = isRightCode(", "const isRight = true || isRightCode("],
    ["proof", "return isRightSecret(signup.secretHash, parts) ? signup : undefined;", "return signup;"],
    ["limit", `if (!(await mayGuessCode(context, signup.emailAddress, caller))) return "rate_limited";`, ""],
    [
      "proof",
      `if (code === undefined) return failure("too_many_signups");\n  const fault = await findCodeFault(context, signup, code, caller);`,
      `if (code === undefined) return failure("too_many_signups");\n  const fault = undefined;`,
      "siblings",
    ],
    [
      "limit",
      `const mail: AskedMail = { purpose: "signup", address: signup.emailAddress, caller };\n  if (!(await mayMail(context, mail))) return failure("rate_limited");`,
      `const mail: AskedMail = { purpose: "signup", address: signup.emailAddress, caller };`,
    ],
  ]),
  ...auth("store/signins.ts", "signin", [
    ["once", `.where("id", "=", id)\n    .where("user_first_factor_verified", "=", false)`, `.where("id", "=", id)`],
  ]),
  ...auth("actions/signin.ts", "signin", [
    ["expiry", "context.clock.now() >= signin.expiresAt", "context.clock.now() > signin.expiresAt"],
    [
      "expiry",
      "expiresAt: createdAt + settings.expiration.signin,",
      "expiresAt: createdAt + settings.expiration.signin + 1,",
    ],
    ["proof", "if (!signin.userFirstFactorVerified || user === undefined) return", "if (user === undefined) return"],
    ["permission", "if (!isActive(user, signin)) return end(context, signin);", ""],
    ["permission", "const owner = user?.disabled ? undefined : user;", "const owner = user;"],
    [
      "expiry",
      "if (user.password_hash_counter !== signin.userPasswordHashCounter)",
      "if (false)",
      "flows/password-reset",
    ],
    [
      "proof",
      "return isRightSecret(signin.secretHash, parts) ? { signin, user } : undefined;",
      "return { signin, user };",
      "flows/differences#R14: in strict mode",
    ],
    ["once", `if (signin.userFirstFactorVerified) return failure("user_first_factor_already_verified");`, ""],
    ["proof", "if (!(await isPasswordOf(context, place, user, args.password)) || !user) {", "if (!user) {"],
    ["limit", "if (!paid.ok) return paid;", ""],
  ]),
  ...auth("actions/user-changes.ts", "flows/password-update", [
    ["expiry", "context.clock.now() >= change.expiresAt", "context.clock.now() > change.expiresAt"],
    ["ownership", `if (found.change.sessionId !== valid.session.id) return failure("session_mismatch");`, ""],
    [
      "expiry",
      "return !usesAddress || user.email_address_counter === change.userEmailAddressCounter;",
      "return true;",
      "flows/password-reset",
    ],
    [
      "expiry",
      "if (change.userId !== undefined && user?.password_hash_counter !== change.userPasswordHashCounter)",
      "if (false)",
      "flows/password-reset",
    ],
    ["once", `if (change.identityVerified) return failure("user_identity_already_verified");`, ""],
    ["once", `if (change.newPassword) return failure("new_password_already_set");`, ""],
    ["proof", "if (!(await isPasswordOf(context, place, user, password))) {", "if (false) {"],
    ["limit", "if (!paid.ok) return paid;", ""],
    ["permission", "if (!isActive(user, change)) return false;", "", "flows/password-reset"],
    [
      "proof",
      "if (!isRightSecret(change.secretHash, parts)) return undefined;",
      "",
      "flows/differences#R14: in strict mode",
    ],
  ]),
  ...auth("store/user-changes.ts", "flows/user-deletion#R14: tokens of other objects", [
    ["ownership", `.where("id", "=", id)\n    .where("kind", "=", kind)`, `.where("id", "=", id)`],
  ]),
  ...auth("actions/user-deletion.ts", "flows/user-deletion", [
    ["proof", `if (!change.identityVerified) return failure("user_identity_not_verified");`, ""],
    ["ownership", "await deleteSessionsOfUser(context.db, user.id);", ""],
  ]),
  ...auth("actions/password-update.ts", "flows/password-update", [
    ["proof", `if (!found.change.identityVerified) return failure("user_identity_not_verified");`, ""],
    ["proof", `if (!change.newPassword) return failure("new_password_not_set");`, ""],
    [
      "ownership",
      "if (!context.settings.strict)\n    await endOtherSessions",
      "if (false)\n    await endOtherSessions",
    ],
  ]),
  ...auth("actions/password-reset.ts", "flows/password-reset", [
    ["limit", `caller.asksForLink() ? "reset" : "direct reset"`, `"reset"`, "flows/limits"],
    [
      "proof",
      `if (!change.identityVerified || !user) return failure("user_first_factor_not_verified");\n  if (!change.newPassword)`,
      `if (!user) return failure("user_first_factor_not_verified");\n  if (!change.newPassword)`,
    ],
    ["proof", "if (!isRight || !user)", "if (!user)"],
    [
      "limit",
      `if (!(await mayGuessTemporaryPassword(context, subjectOf(change), caller))) return failure("rate_limited");`,
      "",
    ],
  ]),
  ...auth("actions/email-address-update.ts", "flows/email-address-update", [
    [
      "proof",
      `if (!change.newEmailAddressVerified) return failure("email_address_not_verified");\n  if (!change.identityVerified)`,
      "if (!change.identityVerified)",
    ],
    ["proof", `if (!change.identityVerified) return failure("user_identity_not_verified");`, ""],
    ["proof", "if (!isRightCode(code, typed))", "if (false)"],
    ["limit", `if (!(await mayGuessUpdateCode(context, found.user.id, address))) return failure("rate_limited");`, ""],
  ]),
  ...auth("store/maintenance.ts", "purge", [
    ["expiry", `"signups", sql\`expires_at <= \${now}\``, `"signups", sql\`expires_at <= \${now - 600}\``],
    ["expiry", `"signins", sql\`expires_at <= \${now}\``, `"signins", sql\`expires_at <= \${now + 600}\``],
    ["expiry", `"user_changes", sql\`expires_at <= \${now}\``, `"user_changes", sql\`false and \${now} = 0\``],
    ["expiry", `sql\`created_at <= \${oldestSession}\``, `sql\`created_at < \${oldestSession - 600}\``],
    ["expiry", `sql\`last_active_at <= \${oldestUse}\``, `sql\`last_active_at < \${oldestUse - 600}\``],
  ]),
  ...auth("app.ts", "http", [
    ["permission", "app.use(requireInternalSecret(context.settings.internalSecrets, context.events));", ""],
  ]),
  ...auth("invoke.ts", "http", [["permission", "!Object.hasOwn(privateActions, action)", "action.length > 0"]]),
  ...auth("local-users.ts", "flows/every-code#sessions", [["once", `.where(counter, "=", expected)`, ""]]),
  ...shared("runtime/rate-limits.ts", "shared/test/rate-limits", [
    [
      "limit",
      `where rate_limits.full_at <= \${now + (limit.capacity - 1) * limit.interval}::float8`,
      `where rate_limits.full_at <= \${now + limit.capacity * limit.interval}::float8`,
    ],
    ["limit", `set full_at = greatest(rate_limits.full_at, \${now}::float8)`, `set full_at = \${now}::float8`],
    [
      "limit",
      `select ctid from rate_limits where full_at <= \${now} limit`,
      `select ctid from rate_limits where full_at <= \${now + 60} limit`,
    ],
    [
      "limit",
      `.where("full_at", ">", now + (limit.capacity - 1) * limit.interval)`,
      `.where("full_at", ">", now + limit.capacity * limit.interval)`,
    ],
  ]),
  ...shared("runtime/client-address.ts", "shared/test/client-address", [
    ["caller", "while (isTrusted(caller, trustedProxies)) {", "for (;;) {"],
    [
      "caller",
      `return \`\${ipaddr.IPv6.networkAddressFromCIDR(\`\${parsed.toString()}/64\`).toString()}/64\`;`,
      "return parsed.toString();",
    ],
    ["caller", "parsed.kind() === network.kind() && parsed.match(network, bits)", "parsed.kind() === network.kind()"],
  ]),
  ...shared("runtime/private-calls.ts", "app-server/test/private-listener", [
    ["permission", "expected.some((digest) => timingSafeEqual(given, digest))", 'authorization !== ""'],
  ]),
  ...app("http.ts", "decisions", [
    ["permission", `if (access === "admin" && !found.caller.permissions.includes("admin"))`, "if (false)"],
    [
      "limit",
      "const refused = await checkIpLimit(http, app, route);",
      "const refused = undefined as Problem | undefined;",
      "limits",
    ],
  ]),
  ...app("accounts/store.ts", "administrators", [
    [
      "permission",
      `.onRef("permissions.user_id", "=", "users.id")\n        .on((eb) => eb.or([eb("permissions.expires_at", "is", null), eb("permissions.expires_at", ">", now)])),`,
      `.onRef("permissions.user_id", "=", "users.id"),`,
    ],
    [
      "permission",
      `.where("users.id", "=", userId)\n    .where("users.disabled", "=", false)`,
      `.where("users.id", "=", userId)`,
      "sessions#S-21: a disabled user's session",
    ],
    ["once", `.where("email_address_counter", "=", change.counter)`, "", "user-server"],
    ["once", `.where("password_hash_counter", "=", change.counter)`, "", "user-server"],
    ["once", `.where("sessions_counter", "=", counter)`, "", "user-server"],
    [
      "ownership",
      `sql<boolean>\`(user_id = \${id} or registration_id = \${registration_id})\``,
      `sql<boolean>\`(user_id = \${id} or registration_id = \${registration_id} or true)\``,
      "people",
    ],
  ]),
  ...app("accounts/user-server.ts", "activation#D-46: who was not accepted", [
    ["permission", `if (!registration.accepted) return { ok: false, error: "user_not_accepted" };`, ""],
    [
      "permission",
      `if (!registration) return { ok: false, error: "user_not_found" };`,
      `if (!registration) return { ok: false, error: "user_not_accepted" };`,
    ],
  ]),
  ...app("accounts/link-store.ts", "password-links", [
    ["ownership", `if (mail.requestId !== undefined) return`, "if (false) return"],
    [
      "expiry",
      `.where("superseded", "=", false)\n    .where("expires_at", ">", now)`,
      `.where("superseded", "=", false)`,
    ],
    ["once", `.where("is_open", "=", true)\n    .where("superseded", "=", false)`, `.where("is_open", "=", true)`],
    ["expiry", `.where("expires_at", ">", now - renewableFor)`, ""],
    [
      "ownership",
      `db.deleteFrom("account_links").where("user_id", "=", userId).where("used_at", "is", null);`,
      `db.deleteFrom("account_links").where("used_at", "is", null);`,
      "email-change",
    ],
    ["once", `.where("id", "=", id)\n    .where("used_at", "is", null)`, `.where("id", "=", id)`, "email-change"],
  ]),
  ...app("accounts/email-change.ts", "email-change", [
    ["proof", "if (!equalInConstantTime(mac, link.code_mac ?? Buffer.alloc(mac.length)))", "if (false)"],
    ["expiry", "user.disabled || user.standing !== link.standing", "user.disabled"],
  ]),
  ...app("accounts/own-sessions.ts", "account#R29", [
    ["proof", "if (password === undefined && !isRecent)", "if (false)"],
    ["proof", "if (wrong) return { ok: false, problem: wrong };", ""],
    ["ownership", "session.id === which.sessionId", "session.id !== which.sessionId"],
  ]),
  ...app("accounts/deletion.ts", "account", [
    ["proof", "if (!verified.ok) {", "if (false) {", "account#R30"],
    ["permission", "if (isLast(await store.lockAdministrators(trx, now), userId)) return false;", "", "account#E-27"],
  ]),
  ...app("accounts/password-links.ts", "password-links", [
    ["proof", "async () => isRight(context, link, code) || undefined", "async () => true as const"],
    ["limit", `\`link to \${normalizeEmailAddress(email)}\``, "randomId()", "known-devices"],
    ["limit", "const asked = { ...headers, ...causedByLink };", "const asked = headers;", "known-devices"],
  ]),
  ...app("admins/people-rules.ts", "administration", [
    ["permission", "if (!administrators.includes(actor)) return refuse(noLongerAdministrator);", ""],
    ["permission", "if (userId === actor) return refuse(ownAccount);", ""],
    ["permission", "if (administrators.length === 1) return refuse(lastAdministrator);", ""],
  ]),
  ...app("admins/people-store.ts", "administration", [
    [
      "ownership",
      `.set({ disabled, disabled_counter: sql\`disabled_counter + 1\` })\n    .where("id", "=", userId)`,
      `.set({ disabled, disabled_counter: sql\`disabled_counter + 1\` })`,
    ],
    ["ownership", `sessions_counter + 1\` }).where("id", "=", userId)`, `sessions_counter + 1\` })`],
    [
      "permission",
      `(expires_at is null or expires_at > \${now})`,
      `(expires_at is null or expires_at > \${now - 86_400_000})`,
      "administrators",
    ],
  ]),
  ...app("admins/store.ts", "administrators", [
    [
      "expiry",
      `.where("token_hash", "=", tokenHash)\n    .where("expires_at", ">", now)`,
      `.where("token_hash", "=", tokenHash)`,
    ],
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
  ...app("admins/rules.ts", "administrators", [
    ["permission", `if (change.permission === "admin") return adminIsSeparate;`, ""],
  ]),
  ...app("mail/codes.ts", "lookup", [
    [
      "expiry",
      `.where("tokens.key", "=", key)\n    .where("tokens.expires_at", ">", context.clock.now())`,
      `.where("tokens.key", "=", key)`,
    ],
    [
      "expiry",
      `.where("key", "=", key)\n    .where("expires_at", ">", context.clock.now())`,
      `.where("key", "=", key)`,
      "lookup#D-55: a code is found until",
    ],
    [
      "proof",
      "return equalInConstantTime(mac, row?.code_mac ?? Buffer.alloc(mac.length)) ? row?.id : undefined;",
      "return row?.id;",
    ],
    [
      "proof",
      "return equalInConstantTime(mac, row?.code_mac ?? Buffer.alloc(mac.length));",
      "return row !== undefined;",
      "people",
    ],
  ]),
  ...app("mail/store.ts", "mail-queue", [
    ["ownership", `.where("claimed_by", "=", settlement.processName)`, ""],
    ["limit", `case when \${count} >= \${limit}`, `case when \${count} > \${limit}`, "mail-status"],
  ]),
  ...app("mail/unsubscribe.ts", "mail-notices", [
    [
      "proof",
      'if (!isSwitchable(type) || !equalInConstantTime(sign(userId, type), Buffer.from(given, "base64url")))',
      "if (!isSwitchable(type))",
    ],
  ]),
  ...app("registration/code-guesses.ts", "code-guesses", [
    [
      "limit",
      "!(await runInTurn(\n      context.db,\n      tokens.map((token) => takingToken(token, now)),\n    ))",
      "false",
    ],
    [
      "limit",
      `if (value === undefined) return { is: "wrong" };\n  await returnTokens(context.db, tokens);`,
      `await returnTokens(context.db, tokens);\n  if (value === undefined) return { is: "wrong" };`,
    ],
    ["caller", `(currentRequest()?.caller ?? "")`, `"everybody"`],
  ]),
  ...app("registration/rules.ts", "lookup", [
    ["proof", "if (code === undefined) return codeNeeded;", "if (code === undefined) return undefined;", "people"],
    ["proof", `return guess.is === "right" ? undefined : incorrectCode;`, "return undefined;", "people"],
    ["limit", `if (guess.is === "refused") return guess.problem;\n  return guess`, "return guess", "people"],
  ]),
  ...app("registration/store.ts", "decisions", [
    [
      "once",
      `.where("email", "=", email)\n        .where("state", "=", "REQUESTED")\n        .returning(decidedColumns)`,
      `.where("email", "=", email)\n        .returning(decidedColumns)`,
    ],
    [
      "ownership",
      `.where((eb) => eb.not(eb.exists(eb.selectFrom("users").select("id").where("email_norm", "=", email))))`,
      "",
    ],
    ["expiry", `.where("decided_at", ">", rejectedSince)`, ""],
    [
      "expiry",
      `.where("state", "in", ["REQUESTED", "ACCEPTED"])\n        .where("expires_at", "<=", now)`,
      `.where("state", "in", ["REQUESTED", "ACCEPTED"])\n        .where("expires_at", "<", now)`,
      "expiry",
    ],
    [
      "expiry",
      `.where("state", "=", "OPEN")\n    .where("signup_expires_at", "<=", now)`,
      `.where("state", "=", "OPEN")\n    .where("signup_expires_at", "<", now)`,
      "expiry",
    ],
    ["ownership", "and not exists (select from users where email_norm = further.email)", "", "people"],
    [
      "ownership",
      `.where("id", "=", id)\n    .where("email", "=", email)\n    .forUpdate()`,
      `.where("id", "=", id)\n    .forUpdate()`,
      "people",
    ],
  ]),
  ...app("registration/opening-store.ts", "administration", [
    ["once", `.where("email", "=", email)\n    .where("state", "=", "REQUESTED")`, `.where("email", "=", email)`],
  ]),
  ...app("admins/oversight-routes.ts", "administrators", [
    [
      "permission",
      `path: "/admin/decide_many/",
    summary: "Accept or reject up to 1,000 registrations. Answers at once; /admin/batches/ tells how far it is.",
    access: "admin"`,
      `path: "/admin/decide_many/",
    summary: "Accept or reject up to 1,000 registrations. Answers at once; /admin/batches/ tells how far it is.",
    access: "user"`,
    ],
  ]),
  ...app("mail/routes.ts", "administrators", [
    [
      "permission",
      `path: "/admin/mails/clear_address/",
    summary: "Let mails go to such an address again.",
    access: "admin"`,
      `path: "/admin/mails/clear_address/",
    summary: "Let mails go to such an address again.",
    access: "user"`,
    ],
  ]),
  ...app("registration/routes.ts", "administrators", [
    [
      "permission",
      `path: "/admin/delete_registration/",
    summary: "Take a registration away before its account is active.",
    access: "admin"`,
      `path: "/admin/delete_registration/",
    summary: "Take a registration away before its account is active.",
    access: "user"`,
    ],
  ]),
];
