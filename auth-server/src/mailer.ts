import { CallFailed } from "@anteroom/shared/runtime/http/private-calls";
import type { Log } from "@anteroom/shared/runtime/log";
import type { EmailRequest } from "@anteroom/shared/wire/email";

type Send = (email: EmailRequest) => Promise<void>;

export type Mailer = ReturnType<typeof createMailer>;

/**
 * Mails go to the app server, which queues them. Codes must arrive there or their action fails; notices never fail
 * theirs, nor do mails whose fate the caller must not learn of. `waitForNotices` keeps Faroe's order: the action answers after its notice is on the way.
 */
export function createMailer(send: Send, log: Log, waitForNotices: boolean) {
  const underWay = new Set<Promise<void>>();

  async function notify(email: EmailRequest): Promise<void> {
    const sending = send(email)
      .catch((error: unknown) => log.error({ err: error, type: email.type }, "a mail could not be sent"))
      .finally(() => underWay.delete(sending));
    underWay.add(sending);
    if (waitForNotices) await sending;
  }

  return {
    /** Throws when the app server did not take it. */
    sendCode: send,
    notify,
    /** Resolves when no notice is under way. */
    settle: async () => {
      await Promise.all(underWay);
    },
  };
}

/** Whether a mail that could not be handed over may have been taken all the same. */
export function isDeliveryUnknown(error: unknown): boolean {
  return error instanceof CallFailed && error.delivered === "unknown";
}
