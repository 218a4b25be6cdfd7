import { AddressField, type Failure, Field } from "../ui/form.tsx";
import { useWords } from "../words/language.tsx";
import { visitWords } from "../words/visit.ts";

export interface PersonGiven {
  firstname: string;
  lastname: string;
  email: string;
}

export const nobody: PersonGiven = { firstname: "", lastname: "", email: "" };

interface PersonFieldsProps {
  person: PersonGiven;
  /** Given a function, because a browser may fill in all fields at once. */
  onPerson: (change: (before: PersonGiven) => PersonGiven) => void;
  failure: Failure | undefined;
  addressHint?: string;
}

/** Names and address of somebody who wants an account. */
export function PersonFields({ person, onPerson, failure, addressHint }: PersonFieldsProps) {
  const text = useWords(visitWords).person;
  const fieldOf = (name: keyof PersonGiven) => ({
    label: text[name],
    name,
    value: person[name],
    onValue: (value: string) => onPerson((before) => ({ ...before, [name]: value })),
    failure,
  });
  return (
    <>
      <div className="field-row">
        <Field {...fieldOf("firstname")} autoComplete="given-name" maxLength={100} required />
        <Field {...fieldOf("lastname")} autoComplete="family-name" maxLength={100} />
      </div>
      <AddressField {...fieldOf("email")} {...(addressHint ? { hint: addressHint } : {})} />
    </>
  );
}
