// The development mailbox. It asks for the list again and again, less often while nobody looks.

const asksEvery = 1_000;
const asksHiddenEvery = 15_000;
const asksAtLeastEvery = 60_000;

const base = "/dev/mailbox/mails";
const byId = (id) => document.getElementById(id);
const views = ["html", "text", "source"];

/** The mails in the list, newest first, and their rows by id. */
let mails = [];
const rows = new Map();
let view = "html";
/** What is shown in each view, so that nothing is loaded twice. */
const loaded = { html: "", text: "", source: "" };

let version = "";
/** What the list was last asked for; what comes later to the same question is new. */
let listedQuery;
let failures = 0;
let timer;
let asking;

// Which mails were read is remembered in this browser.

const readKey = "anteroom-mailbox-read";
const readIds = new Set(recallRead());

function recallRead() {
  try {
    return JSON.parse(localStorage.getItem(readKey) ?? "[]");
  } catch {
    return [];
  }
}

function markRead(ids) {
  for (const id of ids) readIds.add(id);
  // File names begin with their time: the newest are kept.
  localStorage.setItem(readKey, JSON.stringify([...readIds].sort().slice(-2_000)));
  for (const id of ids) rows.get(id)?.firstElementChild.classList.remove("unread");
  showCount();
}

// The list

async function ask() {
  clearTimeout(timer);
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const query = byId("search").value.trim();
    const response = await fetch(`${base}?${new URLSearchParams({ q: query })}`, {
      headers: version ? { "if-none-match": version } : {},
      signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    });
    if (response.status !== 304) {
      if (!response.ok) throw new Error(`The server answered ${response.status}.`);
      showList(await response.json(), query);
      version = response.headers.get("etag") ?? "";
    }
    failures = 0;
    showConnection("live", "Live");
  } catch {
    if (signal.aborted) return;
    failures += 1;
    showConnection("lost", "Not connected");
  }
  timer = setTimeout(ask, pauseUntilNext());
}

function pauseUntilNext() {
  const usual = document.hidden ? asksHiddenEvery : asksEvery;
  return Math.min(usual * 2 ** Math.min(failures, 6), asksAtLeastEvery);
}

function showConnection(state, text) {
  const element = byId("connection");
  // Said only when it changes, because it is read aloud.
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  element.textContent = text;
}

function showList(answer, query) {
  mails = answer.mails;
  byId("place").textContent = `${answer.site} · ${answer.folder}`;
  const list = byId("list");
  let next = list.firstElementChild;
  for (const mail of mails) {
    const row = rows.get(mail.id) ?? createRow(mail, query === listedQuery);
    if (row === next) next = next.nextElementSibling;
    else list.insertBefore(row, next);
  }
  const kept = new Set(mails.map(({ id }) => id));
  for (const [id, row] of rows)
    if (!kept.has(id)) {
      row.remove();
      rows.delete(id);
    }
  listedQuery = query;
  showEmpty();
  showCount();
  showTimes();
  showMail();
}

function createRow(mail, isNew) {
  const item = byId("row").content.firstElementChild.cloneNode(true);
  const row = item.firstElementChild;
  row.href = `#${mail.id}`;
  row.querySelector(".who").textContent = mail.to;
  row.querySelector(".about").textContent = mail.subject;
  row.querySelector(".chip").textContent = mail.code ?? "";
  row.querySelector(".preview").textContent = mail.preview;
  row.classList.toggle("unread", !readIds.has(mail.id));
  item.classList.toggle("fresh", isNew);
  rows.set(mail.id, item);
  return item;
}

function showEmpty() {
  const isSearch = byId("search").value.trim() !== "";
  byId("empty").hidden = mails.length > 0;
  byId("empty-title").textContent = isSearch ? "Nothing found" : "No mails yet";
  byId("empty-text").textContent = isSearch
    ? "No mail has this in its address, subject, text or code."
    : "As soon as the server has one to send, it appears here by itself.";
}

function showCount() {
  const unread = mails.filter(({ id }) => !readIds.has(id)).length;
  const all = `${mails.length} ${mails.length === 1 ? "mail" : "mails"}`;
  const text = mails.length === 0 ? "" : unread === 0 ? all : `${all}, ${unread} unread`;
  if (byId("count").textContent !== text) byId("count").textContent = text;
  document.title = unread > 0 ? `(${unread}) Mailbox` : "Mailbox";
  byId("read-all").disabled = unread === 0;
}

function showTimes() {
  for (const mail of mails) {
    const time = rows.get(mail.id)?.querySelector("time");
    if (time) describeTime(time, mail.at, sinceThen(mail.at));
  }
}

function describeTime(element, at, text) {
  element.dateTime = at;
  element.title = new Date(at).toLocaleString();
  element.textContent = text;
}

function sinceThen(at) {
  const minutes = Math.floor((Date.now() - Date.parse(at)) / 60_000);
  const date = new Date(at);
  if (minutes >= 0 && minutes < 1) return "now";
  if (minutes >= 0 && minutes < 60) return `${minutes} min`;
  if (date.toDateString() === new Date().toDateString())
    return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return date.toLocaleDateString([], { day: "numeric", month: "short" });
}

// One mail

function openId() {
  return location.hash.slice(1);
}

function findOpen() {
  return mails.find(({ id }) => id === openId());
}

let shownId = "";

function showMail() {
  const mail = findOpen();
  for (const [id, row] of rows) row.firstElementChild.setAttribute("aria-current", String(id === openId()));
  // A search that leaves the open mail out does not close it.
  if (!mail && openId() !== "" && shownId === openId()) return;
  document.body.classList.toggle("reading", mail !== undefined);
  byId("nothing").hidden = mail !== undefined || mails.length === 0;
  byId("mail").hidden = mail === undefined;
  if (mail && mail.id !== shownId) fillMail(mail);
  shownId = mail?.id ?? "";
}

function fillMail(mail) {
  byId("subject").textContent = mail.subject;
  byId("to").textContent = mail.to;
  byId("type").textContent = mail.type.replaceAll("_", " ");
  describeTime(byId("at"), mail.at, new Date(mail.at).toLocaleString());
  byId("code-card").hidden = !mail.code;
  byId("code").textContent = groupCode(mail.code ?? "");
  byId("link-card").hidden = !mail.link;
  byId("link-text").textContent = mail.link ?? "";
  byId("link-text").title = mail.link ?? "";
  if (mail.link) byId("open-link").href = mail.link;
  else byId("open-link").removeAttribute("href");
  byId("actions").hidden = !mail.code && !mail.link;
  markRead([mail.id]);
  byId("reader").scrollTop = 0;
  void showView();
}

/** In fours, to be read out; what is copied has no spaces. */
function groupCode(code) {
  return code.replace(/.{4}(?=.)/g, "$& ");
}

async function showView() {
  const id = openId();
  for (const name of views) {
    const isChosen = name === view;
    const tab = byId(`tab-${name}`);
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    byId(`panel-${name}`).hidden = !isChosen;
  }
  if (loaded[view] === id || id === "") return;
  loaded[view] = id;
  const url = `${base}/${id}/${view}`;
  // Replacing keeps the mails that were looked at out of the browser's history.
  if (view === "html") return void byId("html").contentWindow.location.replace(url);
  const element = byId(view);
  element.textContent = "";
  const chosen = view;
  try {
    const response = await fetch(url);
    const text = response.ok ? await response.text() : "This mail is not there any more.";
    if (loaded[chosen] === id) element.textContent = text;
  } catch {
    loaded[chosen] = "";
    element.textContent = "The server cannot be reached.";
  }
}

// Copying

async function copy(button, text) {
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  const isCopied = await writeToClipboard(text);
  button.textContent = isCopied ? "Copied" : "Not allowed";
  setTimeout(() => {
    button.textContent = label;
  }, 1_500);
}

async function writeToClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

const copyCode = () => copy(byId("copy-code"), findOpen()?.code ?? byId("code").textContent.replaceAll(" ", ""));

// Keys

function step(distance) {
  if (mails.length === 0) return;
  const at = mails.findIndex(({ id }) => id === openId());
  const next = mails[Math.max(0, Math.min(mails.length - 1, at === -1 ? 0 : at + distance))];
  location.replace(`#${next.id}`);
  rows.get(next.id)?.firstElementChild.focus();
}

const keys = {
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  j: () => step(1),
  k: () => step(-1),
  "/": () => byId("search").focus(),
  c: () => !byId("code-card").hidden && !byId("mail").hidden && copyCode(),
  o: () => !byId("link-card").hidden && !byId("mail").hidden && byId("open-link").click(),
  Escape: () => {
    location.hash = "";
  },
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === byId("search")) return onSearchKey(event);
  if (event.target.closest(".panel, [role=tablist]")) return;
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
}

function onSearchKey(event) {
  if (event.key !== "ArrowDown" && event.key !== "Escape") return;
  if (event.key === "ArrowDown") event.preventDefault();
  event.target.blur();
  if (event.key === "ArrowDown") step(0);
}

function onTabKey(event) {
  const distance = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (distance === undefined) return;
  event.preventDefault();
  chooseView(views[(views.indexOf(view) + distance + views.length) % views.length]);
  byId(`tab-${view}`).focus();
}

function chooseView(name) {
  view = name;
  void showView();
}

let typing;

byId("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(ask, 120);
});
byId("read-all").addEventListener("click", () => markRead(mails.map(({ id }) => id)));
byId("copy-code").addEventListener("click", copyCode);
byId("copy-link").addEventListener("click", () => copy(byId("copy-link"), byId("link-text").textContent));
for (const tab of document.querySelectorAll("[role=tab]")) {
  tab.addEventListener("click", () => chooseView(tab.dataset.view));
  tab.addEventListener("keydown", onTabKey);
}
addEventListener("keydown", onKey);
addEventListener("hashchange", showMail);
addEventListener("online", ask);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void ask();
});
setInterval(showTimes, 20_000);
void ask();
