import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Selectable } from "kysely";
import * as store from "../accounts/permission-store.ts";
import { findUser } from "../accounts/store.ts";
import { logDecision } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import type { UserTable } from "../database/tables.ts";
import { type Outcome, type Refusal, refusalOf, refuse } from "../outcome.ts";
import { endSetupLinks } from "./setup-store.ts";

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
async function findChanged(
  context: AppContext,
  change: PermissionChange,
): Promise<Outcome<Selectable<UserTable>, NotChanged>> {
  if (change.permission === "admin") return refuse("admin_not_grantable");
  const user = await findUser(context.db, { id: change.userId });
  return user ? { ok: true, values: user } : refuse("user_not_found");
}

/** For the command line, whose user owns the machine anyway. */
export async function grantAdmin(
  context: AppContext,
  address: string,
): Promise<Refusal<"user_not_found/address"> | undefined> {
  const user = await findUser(context.db, { emailNorm: normalizeEmailAddress(address) });
  if (!user) return refusalOf("user_not_found/address", { values: { email: address } });
  const now = context.clock.now();
  const by = { actor: "cli", action: "grant_permission", detail: "admin", now } as const;
  await context.db.transaction().execute(async (trx) => {
    await store.grantPermission(trx, {
      userId: user.id,
      permission: "admin",
      grantedBy: "cli",
      now,
      expiresAt: null,
    });
    await endSetupLinks(trx);
    await logDecision(trx, { ...by, subject: user.email_norm, userId: user.id });
  });
  context.events.record("authz_change", { user: user.id, by: "cli", action: by.action, outcome: by.detail });
  return undefined;
}
