import type { Sql } from "postgres";
import { transitions } from "../../src/registration/states.ts";

const edges = Object.values(transitions).flatMap(({ from, to }) => from.map((state) => `${state} → ${to}`));

/**
 * From now on the database refuses every move of a registration, by one of the servers, that is not in the table of states.
 * What tests do to the rows themselves is their own affair.
 */
export async function refuseOtherMoves(sql: Sql): Promise<void> {
  const known = edges.map((edge) => `'${edge.replace("ACTIVE", "[*]")}'`).join();
  await sql.unsafe(`
    create function refuse_other_moves() returns trigger language plpgsql as $$
    declare
      move text := coalesce(old.state, '[*]') || ' → ' || coalesce(new.state, '[*]');
    begin
      if old.state is distinct from new.state and move not in (${known})
        and current_setting('application_name') like 'anteroom-app %'
      then raise exception 'The table of states has no %.', move; end if;
      return null;
    end $$;
    create trigger refuse_other_moves after insert or update or delete on registration_state
      for each row execute function refuse_other_moves()`);
}
