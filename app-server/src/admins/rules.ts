import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import { findUser } from "../accounts/store.ts";
import type { AppContext } from "../context.ts";
import { type Problem, problem } from "../problems.ts";
import * as store from "./store.ts";

export interface PermissionChange {
  userId: string;
  permission: string;
  actor: string;
}

const adminIsSeparate = problem(403, "admin_not_grantable", "Cannot add admin permission", {
  hint: "Administrators are made with: npm run admin -- grant-admin ADDRESS",
});

export async function addPermission(context: AppContext, change: PermissionChange): Promise<Problem | undefined> {
  const refusal = await checkChange(context, change);
  if (refusal) return refusal;
  const now = context.clock.now();
  await store.grantPermission(context.db, {
    userId: change.userId,
    permission: change.permission,
    grantedBy: change.actor,
    now,
    expiresAt: change.permission === "member" ? now + context.settings.policy.permissionTtl : null,
  });
  return undefined;
}

export async function removePermission(context: AppContext, change: PermissionChange): Promise<Problem | undefined> {
  const refusal = await checkChange(context, change);
  if (refusal) return refusal;
  await store.revokePermission(context.db, change.userId, change.permission);
  return undefined;
}

async function checkChange(context: AppContext, change: PermissionChange): Promise<Problem | undefined> {
  if (change.permission === "admin") return adminIsSeparate;
  if (await findUser(context.db, { id: change.userId })) return undefined;
  return problem(404, "user_not_found", "There is no user with this id.");
}

/** For the command line, whose user owns the machine anyway. */
export async function grantAdmin(context: AppContext, address: string): Promise<Problem | undefined> {
  const user = await findUser(context.db, { emailNorm: normalizeEmailAddress(address) });
  if (!user) return problem(404, "user_not_found", `There is no user with the address ${address}.`);
  await store.grantPermission(context.db, {
    userId: user.id,
    permission: "admin",
    grantedBy: "cli",
    now: context.clock.now(),
    expiresAt: null,
  });
  return undefined;
}
