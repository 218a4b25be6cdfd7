import { createAnteroom, type SessionResult } from "@anteroom/client";

// A real page knows where its servers are: this one is told, so that it can be tried in each way.
const { server = location.origin, auth } = Object.fromEntries(new URLSearchParams(location.search));
const anteroom = createAnteroom(server, auth ? { tokens: { authServer: auth } } : {});

const say = (text: string) => {
  const line = document.querySelector("#account");
  if (line) line.textContent = text;
};

/** Calls `send` with what was typed, and leaves the page where it is. */
function onSubmit(id: string, send: (typed: Record<string, string>) => Promise<void>): void {
  const form = document.querySelector<HTMLFormElement>(id);
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
    void send(Object.fromEntries(typed));
  });
}

function tell(result: SessionResult): void {
  say(result.ok ? `Signed in as ${result.values.user.email}` : `Refused: ${result.error}`);
}

let signupToken = "";

onSubmit("#register", async ({ email = "" }) => {
  const names = { firstname: "Ada", lastname: "Lovelace" };
  const request = await anteroom.app("POST /auth/request_registration", { email, ...names });
  if (!request.ok) return say(`Refused: ${request.error}`);
  say("Waiting for a decision");
  const decision = await anteroom.waitForApproval(request.values.registration_token);
  if (!decision.ok) return say(`Refused: ${decision.error}`);
  say(`The request is ${decision.values.state}`);
  if (decision.values.state !== "accepted") return;
  signupToken = decision.values.signupToken;
  document.querySelector("#activate")?.removeAttribute("hidden");
});

onSubmit("#activate", async ({ code = "", password = "" }) =>
  tell(await anteroom.activate({ signupToken, code, password })),
);

onSubmit("#login", async ({ email = "", password = "" }) => tell(await anteroom.signIn({ email, password })));

document.querySelector("#leave")?.addEventListener("click", async () => {
  const left = await anteroom.signOut();
  say(left.ok ? "Signed out" : `Refused: ${left.error}`);
});

const session = await anteroom.getSession();
if (!session.ok) say(`Refused: ${session.error}`);
else say(session.values ? `Signed in as ${session.values.user.email}` : "Nobody is signed in");
