import { type AppClient, createAppClient } from "@anteroom/shared/client/app";
import { createAuthClient } from "@anteroom/shared/client/auth";
import type { AppRoute } from "@anteroom/shared/wire/app/routes";
import type { SessionInfo } from "@anteroom/shared/wire/app/session";
import { QueryClient, queryOptions, useQuery } from "@tanstack/react-query";
import { asException } from "./errors.ts";

/**
 * Both servers, through this origin alone. The session lives in a cookie that scripts cannot read; wherever an action
 * asks for a session token, the server puts it in (`fromCookie`).
 */
export const app: AppClient = async (route, ...input) => {
  const answer = await (isLook(route) ? look : change)(route, ...input);
  if (!answer.ok) noticeSignOut(answer.error);
  return answer;
};
/** Milliseconds after which a server that gives nothing to look at is as good as none; it is asked twice before that is said. */
const lookFor = 5_000;
const look = createAppClient(location.origin, { headers: namingWhoIsShown, timeout: lookFor });
/** Given up later: what was asked for may be under way, as an approval is that waits for the auth server. */
const change = createAppClient(location.origin, { headers: namingWhoIsShown });
/** Asks who is signed in, whoever that is. */
const askWho = createAppClient(location.origin, { timeout: lookFor });

function isLook(route: AppRoute): boolean {
  return route.startsWith("GET ") || route.endsWith("_status");
}

export const auth = createAuthClient(location.origin, { path: "/auth/actions", headers: namingWhoIsShown });

/** Another tab may have signed somebody else in: what is done here is done for whom this page shows, or not at all. */
function namingWhoIsShown(): Record<string, string> {
  const session = queries.getQueryData(sessionQuery.queryKey);
  return session ? { "x-acting-as": session.user.user_id } : {};
}

/** Stands where the server fills in the session's token. */
export const fromCookie = "";

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: 1,
      staleTime: 10_000,
      refetchOnWindowFocus: true,
      // A browser that believes it is offline asks all the same, and finds that out: to wait in silence tells nobody anything.
      networkMode: "always",
      refetchOnReconnect: true,
    },
  },
});

/** Who is signed in; null for nobody, undefined while that is not known yet. */
export function useSession(): SessionInfo | null | undefined {
  return useQuery(sessionQuery).data;
}

/** Why it is not known who is signed in, once the server has been asked in vain. */
export function useSessionFailure(): { error: Error; again: () => void } | undefined {
  const { data, error, refetch } = useQuery(sessionQuery);
  return data === undefined && error ? { error, again: () => void refetch() } : undefined;
}

const sessionQuery = queryOptions({ queryKey: ["session"], queryFn: readSession, staleTime: 30_000 });

async function readSession(): Promise<SessionInfo | null> {
  const answer = await askWho("GET /auth/session_info/");
  if (answer.ok) return "user" in answer.values ? answer.values : null;
  if (answer.error === "invalid_session") return null;
  throw asException(answer);
}

/** A session that has ended meanwhile is noticed by the whole page, not only by the part that was refused. */
export function noticeSignOut(error: string): void {
  if (error === "another_person_signed_in") void sessionChanged();
  if (error === "no_session" || error === "invalid_session" || error === "invalid_session_token") doubtSession();
}

/** Who is signed in, or what they may do, may have changed: it is asked again. */
export function doubtSession(): void {
  void queries.invalidateQueries({ queryKey: sessionQuery.queryKey });
}

export function readSessionAgain(): Promise<void> {
  return queries.refetchQueries({ queryKey: sessionQuery.queryKey });
}

/** After signing in or out, everything that was read belongs to somebody else. */
export async function sessionChanged(): Promise<SessionInfo | null | undefined> {
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionQuery.queryKey[0] });
  await readSessionAgain();
  return queries.getQueryData(sessionQuery.queryKey);
}
