import type { Visitor } from "../../test/support/visitor.ts";
import { now, type Scene } from "./stage.ts";

/** The queue and what is about it; everything is there, nothing more is loading. */
async function openAdmin(it: Visitor, address: string): Promise<void> {
  await it.open(address);
  const loading = it.page.locator(".loading");
  while ((await loading.count()) > 0) await loading.first().waitFor({ state: "detached" });
}

async function selectThree(it: Visitor): Promise<void> {
  await openAdmin(it, "/admin");
  await it.page.locator("article").first().waitFor();
  for (const key of ["j", "x", "j", "x", "j", "x"]) await it.page.keyboard.press(key);
  await it.page.locator(".selection").waitFor();
}

async function openPerson(it: Visitor): Promise<void> {
  await openAdmin(it, "/admin/people");
  await it.page.locator(".row-person h2 a").nth(1).click();
  await it.page.getByRole("button", { name: "Delete the account" }).waitFor();
}

export const asAdministrator: Scene[] = [
  {
    name: "queue-empty",
    title: "Nobody waits",
    play: async (it) => {
      await it.page.route("**/admin/registrations/?*", async (route) => {
        const answer = await (await route.fetch()).json();
        await route.fulfill({ json: { ...answer, rows: [], next: null, counts: { ...answer.counts, REQUESTED: 0 } } });
      });
      await openAdmin(it, "/admin");
    },
  },
  { name: "queue", isWindow: true, title: "The queue", play: (it) => openAdmin(it, "/admin") },
  {
    name: "queue-selected.nl",
    isWindow: true,
    title: "Three people selected, in Dutch",
    locale: "nl",
    play: selectThree,
  },
  {
    name: "queue-nothing-found",
    title: "A search that finds nobody",
    play: async (it) => {
      await openAdmin(it, "/admin");
      await it.page.locator("input[type=search]").fill("nobody like this");
      await it.reads("Nobody here matches");
    },
  },
  {
    name: "queue-held",
    isWindow: true,
    title: "An approval is held back, and can be undone",
    play: async (it) => {
      await openAdmin(it, "/admin");
      await it.page.locator("article").first().getByRole("button", { name: "Approve" }).click();
      await it.page.locator(".message").waitFor();
      await it.page.route("**/admin/batches/*", (route) => route.abort());
    },
  },
  {
    name: "queue-reject",
    isWindow: true,
    title: "Rejecting, with the mail that it makes",
    play: async (it) => {
      await openAdmin(it, "/admin");
      await it.page.locator("article").first().waitFor();
      await it.page.keyboard.press("j");
      await it.page.keyboard.press("r");
      await it.page.keyboard.type("We could not find you among this year's members.");
      await it.page.locator("dialog pre", { hasText: "this year's members" }).waitFor();
    },
  },
  {
    name: "queue-approve-many",
    isWindow: true,
    title: "Approving many at once",
    play: async (it) => {
      await selectThree(it);
      await it.page.locator(".selection").getByRole("button", { name: "Approve" }).click();
      await it.page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "queue-batch",
    isWindow: true,
    title: "Many are being approved",
    play: async (it) => {
      const batch = {
        ...{ id: "1", decision: "accept", reason: null, actor: "x", actor_name: "Grace Hopper", total: 240, done: 131 },
        ...{
          failed: [
            { email: "eve@example.com", error: "registration_not_found", decided_by_name: null, decided_at: null },
          ],
        },
        ...{ created_at: now - 20, finished_at: null },
      };
      await it.page.route("**/admin/batches/", (route) => route.fulfill({ json: { batches: [batch] } }));
      await openAdmin(it, "/admin");
    },
  },
  {
    name: "queue-help",
    isWindow: true,
    title: "The keys of the queue",
    play: async (it) => {
      await openAdmin(it, "/admin");
      await it.page.keyboard.press("?");
    },
  },
  {
    name: "queue-decided-before",
    isWindow: true,
    title: "Somebody else was quicker",
    play: async (it) => {
      await openAdmin(it, "/admin");
      await it.page.locator("article").first().waitFor();
      await it.page.route("**/admin/approve_after_hold/", (route) =>
        route.fulfill({
          status: 409,
          json: {
            ...{ code: "invalid_transition", detail: "", state: "REJECTED", decided_by: "x" },
            ...{ decided_by_name: "Edsger Dijkstra", decided_at: now - 240 },
          },
        }),
      );
      await it.page.locator("article").first().getByRole("button", { name: "Approve" }).click();
      await it.page.locator(".message").waitFor();
    },
  },
  {
    name: "queue-approved",
    isWindow: true,
    title: "Approved and not yet active",
    play: (it) => openAdmin(it, "/admin?show=approved"),
  },
  { name: "queue-rejected", isWindow: true, title: "Rejected", play: (it) => openAdmin(it, "/admin?show=rejected") },
  {
    name: "people",
    title: "People",
    play: (it) => openAdmin(it, "/admin/people"),
  },
  { name: "person", title: "A person's own page", play: openPerson },
  {
    name: "people-asks",
    isWindow: true,
    title: "The password is asked for before an account is deleted",
    play: async (it) => {
      await openPerson(it);
      await it.page.getByRole("button", { name: "Delete the account" }).click();
      await it.page.getByRole("dialog").getByRole("button", { name: "Delete the account" }).click();
      await it.page.locator("dialog .inset").waitFor();
    },
  },
  { name: "mail", title: "Mail that failed, and what came back", play: (it) => openAdmin(it, "/admin/mail") },
  {
    name: "mail-delayed.nl",
    title: "Mail that is delayed, in Dutch",
    locale: "nl",
    play: async (it) => {
      await openAdmin(it, "/admin/mail");
      await it.page.getByRole("button", { name: /^Vertraagd/ }).click();
      await it.page.locator(".loading").first().waitFor({ state: "detached" });
    },
  },
  { name: "decisions", isWindow: true, title: "The log of decisions", play: (it) => openAdmin(it, "/admin/decisions") },
  { name: "overview", title: "The overview", play: (it) => openAdmin(it, "/admin/overview") },
  { name: "overview.nl", title: "The overview in Dutch", locale: "nl", play: (it) => openAdmin(it, "/admin/overview") },
];
