import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, test } from "vitest";
import { asAdministrator } from "./pages/administrators.ts";
import { asMember } from "./pages/members.ts";
import { folder, takeSheet } from "./pages/sheet.ts";
import {
  day,
  fillDecided,
  fillMonth,
  fillQueue,
  join,
  now,
  type Scene,
  setClocks,
  setStage,
  signInWith,
  site,
} from "./pages/stage.ts";
import { asVisitor } from "./pages/visitors.ts";

/** What `picture-pages.ts` runs: sheets of every scene in `pages/`, and the page that shows them. */

beforeAll(async () => {
  await setStage();
  await mkdir(folder, { recursive: true });
}, 60_000);

afterAll(() => site.stop());

test("pictures", { timeout: 3_600_000 }, async () => {
  const wanted = process.env.PICTURES ?? "";
  const isWanted = ({ name }: Scene) => new RegExp(wanted).test(name);
  if (asAdministrator.some(isWanted)) await fillMonth();
  await setClocks(now - 40 * 60);
  const member = await join(["Grace", "Hopper"]);
  const { sql } = site.stack;
  await sql`update users set email = 'grace@example.com', email_norm = 'grace@example.com' where id = ${member.userId}`;
  await sql`update users set created_at = ${now - 200 * day}, email = 'root@example.com', email_norm = 'root@example.com'
    where id <> ${member.userId}`;
  await setClocks(now - 3 * day);
  await signInWith(
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
  );
  await setClocks(now - 40 * 60);
  const session = await signInWith();
  await setClocks(now - 60);
  for (const scene of asVisitor.filter(isWanted)) await takeSheet(scene);
  for (const scene of asMember.filter(isWanted)) await takeSheet(scene, session);
  if (asAdministrator.some(isWanted)) {
    await sql`delete from newusers`;
    await sql`delete from registration_state`;
    for (const person of [
      ["Linus", "Torvalds"],
      ["Adele", "Goldberg"],
      ["Sophie", "Wilson"],
    ] as const)
      await join(person);
    await sql`insert into permissions (user_id, permission, granted_by, granted_at)
      select id, 'member', ${member.userId}, ${now} from users`;
    await sql`insert into permissions (user_id, permission, granted_by, granted_at)
      values (${member.userId}, 'admin', 'cli', ${now})`;
    await fillQueue();
    await fillDecided();
    await setClocks(now);
    for (const scene of asAdministrator.filter(isWanted)) await takeSheet(scene, session);
  }
  const groups = [
    ["For those who ask for an account", asVisitor],
    ["For members", asMember],
    ["For administrators", asAdministrator],
  ] as const;
  await writeFile(`${folder}/README.md`, indexOf(groups));
  if (wanted === "") await removeOthers(groups.flatMap(([, scenes]) => scenes));
});

/** Pictures of pages that are no more. */
async function removeOthers(scenes: Scene[]): Promise<void> {
  const kept = new Set(["README.md", ...scenes.map(({ name }) => `${name}.png`)]);
  for (const file of await readdir(folder)) if (!kept.has(file)) await rm(`${folder}/${file}`);
}

function indexOf(groups: readonly (readonly [string, Scene[]])[]): string {
  const sections = groups.map(([heading, scenes]) => {
    const pictures = scenes.map(({ name, title }) => `### ${title}\n\n![${title}](${name}.png)`);
    return [`## ${heading}`, ...pictures].join("\n\n");
  });
  return `# How the pages look

Each sheet shows one state of a page wide (1200 px) and narrow (320 px), in light and dark, drawn by Chromium from the
real servers. Made anew with \`node app-server/scripts/picture-pages.ts\`.

${sections.join("\n\n")}
`;
}
