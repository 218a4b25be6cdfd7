import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { app, queries, useSession } from "../api/client.ts";
import { useFormats, useWords } from "../words/language.tsx";
import { visitWords } from "../words/visit.ts";

const queryKey = ["own request"];

/** What this browser remembers to have asked for: null for nothing, undefined while that is not known. */
export function useOwnRequest(isWanted = true) {
  return useQuery({
    queryKey,
    queryFn: readOwnRequest,
    staleTime: 0,
    retry: 0,
    refetchOnWindowFocus: false,
    enabled: isWanted,
  }).data;
}

/** It may be another one from now on. */
export function forgetOwnRequest(): void {
  queries.removeQueries({ queryKey });
}

async function readOwnRequest() {
  const answer = await app("GET /auth/own_request/");
  // Whoever cannot be told loses a shortcut, and is told why by what they do next.
  return answer.ok ? answer.values.request : null;
}

/** The way back for who asked in this browser and is not signed in. */
export function OwnRequestNote() {
  const text = useWords(visitWords).ownRequest;
  const formats = useFormats();
  const session = useSession();
  const request = useOwnRequest(session === null);
  if (!request || session) return null;
  const forget = async () => {
    await app("POST /auth/forget_request", {});
    await queries.invalidateQueries({ queryKey });
  };
  return (
    <div className="note" role="status">
      <p>{text[request.stands](request.email, formats.date(request.created_at))}</p>
      <p className="form-actions">
        <Link href="/account/signup" className="button quiet">
          {text.look}
        </Link>
        <button type="button" className="link-button" onClick={() => void forget()}>
          {text.forget}
        </button>
      </p>
    </div>
  );
}
