import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Transaction } from "kysely";
import { logDecision } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase, UserRow } from "../database/tables.ts";
import type { MailRequest } from "../mail/request.ts";
import { type Outcome, type Refusal, refuse } from "../outcome.ts";
import * as store from "./permission-store.ts";
import { findUser, listAdministratorAddresses, listAdministrators } from "./store.ts";

export interface PermissionChange {
  userId: string;
  permission: string;
  actor: string;
}

type NotChanged = "admin_not_grantable" | "user_not_found";

export async function addPermission(
  context: AppContext,
  change: PermissionChange,
): Promise<Refusal<NotChanged> | undefined> {
  const { userId, permission, actor } = change;
  const found = await findChanged(context, change);
  if (!found.ok) return found.refusal;
  const user = found.values;
  const now = context.clock.now();
  await context.db.transaction().execute(async (trx) => {
    const expiresAt = permission === "member" ? now + context.settings.policy.permissionTtl : null;
    await store.grantPermission(trx, { userId, permission, grantedBy: actor, now, expiresAt });
    await logDecision(trx, {
      actor,
      action: "grant_permission",
      subject: user.email_norm,
      userId,
      detail: permission,
      now,
    });
  });
  context.events.record("authz_change", { user: userId, by: actor, action: "grant_permission", outcome: permission });
  return undefined;
}

export async function removePermission(
  context: AppContext,
  change: PermissionChange,
): Promise<Refusal<NotChanged> | undefined> {
  const { userId, permission, actor } = change;
  const found = await findChanged(context, change);
  if (!found.ok) return found.refusal;
  const user = found.values;
  const isRevoked = await context.db.transaction().execute(async (trx) => {
    if (!(await store.revokePermission(trx, userId, permission))) return false;
    const now = context.clock.now();
    const whose = { subject: user.email_norm, userId };
    await logDecision(trx, { actor, action: "revoke_permission", ...whose, detail: permission, now });
    return true;
  });
  if (isRevoked)
    context.events.record("authz_change", {
      user: userId,
      by: actor,
      action: "revoke_permission",
      outcome: permission,
    });
  return undefined;
}

/** Whose permissions change, unless they must not. */
async function findChanged(context: AppContext, change: PermissionChange): Promise<Outcome<UserRow, NotChanged>> {
  if (change.permission === "admin") return refuse("admin_not_grantable");
  const user = await findUser(context.db, { id: change.userId });
  return user ? { ok: true, values: user } : refuse("user_not_found");
}

/** Makes a user an administrator, in the transaction of what brings it about. Undefined when the address is nobody's. */
export async function makeAdministrator(
  { clock }: AppContext,
  trx: Transaction<AppDatabase>,
  { email, actor }: { email: EmailAddress; actor: string },
): Promise<{ userId: string } | undefined> {
  const user = await findUser(trx, { email });
  if (!user) return undefined;
  const [userId, permission, now] = [user.id, "admin", clock.now()];
  await store.grantPermission(trx, { userId, permission, grantedBy: actor, now, expiresAt: null });
  await logDecision(trx, {
    actor,
    action: "grant_permission",
    subject: user.email_norm,
    userId,
    detail: permission,
    now,
  });
  return { userId };
}

/** The ids of all who can act as administrators. */
export async function findAdministrators({ db, clock }: AppContext): Promise<readonly string[]> {
  return listAdministrators(db, clock.now());
}

/** Mails all who can act as administrators, but for the one who did what they are told of. */
export async function tellAdministrators(
  { clock, mail }: AppContext,
  trx: Transaction<AppDatabase>,
  told: Pick<MailRequest, "type" | "values">,
  actor?: string,
): Promise<void> {
  for (const { id, email } of await listAdministratorAddresses(trx, clock.now()))
    if (id !== actor) await mail.enqueue(trx, { ...told, email, userId: id });
}
