import type { Migration } from "kysely/migration";
import * as waitingRoom from "./001-waiting-room.ts";
import * as mails from "./002-mails.ts";
import * as administration from "./003-administration.ts";
import * as accountHandles from "./004-account-handles.ts";
import * as people from "./005-people.ts";
import * as inboundMails from "./006-inbound-mails.ts";
import * as requestIds from "./009-request-ids.ts";
import * as keptSecret from "./010-kept-secret.ts";
import * as owedLinks from "./011-owed-links.ts";
import * as linkRequests from "./012-link-requests.ts";
import * as guesses from "./013-guesses.ts";
import * as facts from "./014-facts.ts";
import * as oneTruthPerMail from "./015-one-truth-per-mail.ts";
import * as search from "./016-search.ts";
import * as approversTold from "./017-approvers-told.ts";
import * as logOfBatches from "./018-log-of-batches.ts";
import * as messageOfARequest from "./019-message-of-a-request.ts";
import * as heldApprovals from "./020-held-approvals.ts";

/** Listed by hand, in order; a migration that has been released is never changed. */
export const migrations: Record<string, Migration> = {
  "001-waiting-room": waitingRoom,
  "002-mails": mails,
  "003-administration": administration,
  "004-account-handles": accountHandles,
  "005-people": people,
  "006-inbound-mails": inboundMails,
  "009-request-ids": requestIds,
  "010-kept-secret": keptSecret,
  "011-owed-links": owedLinks,
  "012-link-requests": linkRequests,
  "013-guesses": guesses,
  "014-facts": facts,
  "015-one-truth-per-mail": oneTruthPerMail,
  "016-search": search,
  "017-approvers-told": approversTold,
  "018-log-of-batches": logOfBatches,
  "019-message-of-a-request": messageOfARequest,
  "020-held-approvals": heldApprovals,
};
