import type { HeldPermission, PersonFacts } from "@anteroom/shared/wire/app/people";
import { type FormEvent, useId, useState } from "react";
import { useLocation } from "wouter";
import type { Failure } from "../../ui/form.tsx";
import { adminWords } from "../../words/admin.ts";
import { errorWords } from "../../words/errors.ts";
import { useFormats, useWords } from "../../words/language.tsx";
import { call } from "../api.ts";
import { ConfirmDialog } from "../dialog.tsx";
import { CrossIcon } from "../icons.tsx";
import { useSay } from "../messages.tsx";
import { nameOf, useActorName } from "../names.tsx";
import { ActionButton } from "../parts.tsx";
import { readPeopleAgain } from "../queries.ts";

type Managed = PersonFacts & { user_id: string };

interface PanelProps {
  person: Managed;
  isSelf: boolean;
}

type Change =
  | { route: "disable_user" | "enable_user" | "end_sessions" | "send_reset_link" | "delete_user" }
  | { route: "add_permission" | "remove_permission"; permission: string };

/** Carries a change out, says what came of it and reads the list again. */
function useChange({ user_id, ...person }: Managed) {
  const text = useWords(adminWords).person;
  const message = useWords(errorWords);
  const say = useSay();
  return async (change: Change, done: string): Promise<Failure | undefined> => {
    const answer =
      "permission" in change
        ? await call(`POST /admin/${change.route}/`, { user_id, permission: change.permission })
        : await call(`POST /admin/${change.route}/`, { user_id });
    if (!answer.ok && answer.error === "password_needed") return answer;
    if (answer.ok) say({ tone: "good", text: done });
    else say({ tone: "bad", text: text.failed(nameOf(person), message[answer.error]) });
    await readPeopleAgain(answer.ok && change.route === "delete_user" ? "none" : "active");
    return answer.ok ? undefined : answer;
  };
}

/** Everything that can be done about one person's account. */
export function PersonPanel({ person, isSelf }: PanelProps) {
  const text = useWords(adminWords).person;
  return (
    <>
      <Permissions person={person} />
      <section className="panel-part">
        <h2>{text.account}</h2>
        {isSelf ? <p className="aside">{text.self}</p> : <AccountActions person={person} />}
      </section>
    </>
  );
}

function Permissions({ person }: { person: Managed }) {
  const text = useWords(adminWords).person;
  const change = useChange(person);
  const name = nameOf(person);
  const held = person.permissions.filter(({ permission }) => permission !== "admin");
  return (
    <section className="panel-part">
      <h2>{text.permissions}</h2>
      <p className="field-hint">{text.permissionsHint}</p>
      {held.length === 0 && <p className="aside">{text.none}</p>}
      {held.length > 0 && (
        <ul className="permissions">
          {held.map(({ permission, ...grant }) => (
            <li key={permission} className="permission">
              {permission} <GrantedBy grant={grant} />
              <button
                type="button"
                className="icon-button"
                aria-label={text.remove(permission)}
                onClick={() =>
                  void change({ route: "remove_permission", permission }, text.done.revoke(permission, name))
                }
              >
                <CrossIcon />
              </button>
            </li>
          ))}
        </ul>
      )}
      <Grant
        known={[...new Set(["member", ...person.known_permissions])]}
        onGrant={(permission) =>
          change({ route: "add_permission", permission }, text.done.grant(permission, name)).then(
            (failure) => failure === undefined,
          )
        }
      />
      <p className="field-hint">
        {person.permissions.some(({ permission }) => permission === "admin") ? text.isAdmin : text.noAdmin}{" "}
        {text.adminHint}
      </p>
    </section>
  );
}

function GrantedBy({ grant }: { grant: Omit<HeldPermission, "permission"> }) {
  const text = useWords(adminWords).person;
  const { date } = useFormats();
  const who = useActorName()({ decided_by: grant.granted_by, decided_by_name: grant.granted_by_name });
  return (
    <span className="table-detail">
      {text.granted(who, date(grant.granted_at))}
      {grant.expires_at !== null && ` ${text.lapses(date(grant.expires_at))}`}
    </span>
  );
}

function Grant({ known, onGrant }: { known: readonly string[]; onGrant: (permission: string) => Promise<boolean> }) {
  const text = useWords(adminWords).person;
  const id = useId();
  const [permission, setPermission] = useState("");
  const grant = async () => {
    if (permission && (await onGrant(permission))) setPermission("");
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void grant();
  };
  return (
    <form className="grant" onSubmit={onSubmit}>
      <label className="hidden" htmlFor={id}>
        {text.add}
      </label>
      <div className="field-frame">
        <input
          id={id}
          value={permission}
          placeholder={text.add}
          maxLength={64}
          pattern="[a-z][a-z0-9_:\-]*"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          list={`${id}-known`}
          onChange={(event) => setPermission(event.target.value)}
        />
      </div>
      <datalist id={`${id}-known`}>
        {known.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <button type="submit" className="button quiet small">
        {text.grant}
      </button>
    </form>
  );
}

function AccountActions({ person }: { person: Managed }) {
  const text = useWords(adminWords).person;
  const change = useChange(person);
  const [asked, setAsked] = useState<"disable" | "end" | "delete">();
  const [, navigate] = useLocation();
  const name = nameOf(person);
  const questions = {
    disable: {
      title: text.disableTitle(name),
      lead: text.disableHint,
      onConfirm: () => change({ route: "disable_user" }, text.done.disable(name)),
    },
    end: {
      title: text.endTitle(name),
      lead: text.endHint,
      onConfirm: () => change({ route: "end_sessions" }, text.done.end(name)),
    },
    delete: {
      title: text.deleteTitle(name),
      lead: text.deleteLead(person.email),
      onConfirm: async () => {
        const failure = await change({ route: "delete_user" }, text.done.delete(name));
        if (!failure) navigate("/admin/people");
        return failure;
      },
    },
  };
  return (
    <>
      <dl className="account-actions">
        {person.disabled ? (
          <Deed
            label={text.enable}
            hint={text.enableHint}
            run={() => change({ route: "enable_user" }, text.done.enable(name))}
          />
        ) : (
          <Deed label={text.disable} hint={text.disableHint} run={() => setAsked("disable")} />
        )}
        <Deed label={text.end} hint={text.endHint} run={() => setAsked("end")} />
        {!person.disabled && (
          <Deed
            label={text.reset}
            hint={text.resetHint}
            run={() => change({ route: "send_reset_link" }, text.done.reset(name))}
          />
        )}
        <Deed label={text.delete} hint={text.deleteHint} look="danger" run={() => setAsked("delete")} />
      </dl>
      {asked && (
        <ConfirmDialog {...questions[asked]} action={text[asked]} tone="danger" onClose={() => setAsked(undefined)} />
      )}
    </>
  );
}

interface DeedProps {
  label: string;
  hint: string;
  look?: "danger";
  // biome-ignore lint/suspicious/noConfusingVoidType: what opens a dialog has nothing to wait for.
  run: () => Promise<unknown> | void;
}

function Deed({ label, hint, look, run }: DeedProps) {
  return (
    <div>
      <dt>
        <ActionButton run={run} {...(look ? { look } : {})}>
          {label}
        </ActionButton>
      </dt>
      <dd>{hint}</dd>
    </div>
  );
}
