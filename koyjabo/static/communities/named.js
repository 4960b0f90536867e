/** The names of the people online, for members: each event has the newest people. */

import { arrivals, hasCome, merge, tick } from "./people.js";
import { followers } from "./community.js";
import { phrases } from "./inside.js";
import { Announcer, find, offered, write } from "../webkit/page.js";
import { locale, written } from "../webkit/figures.js";

const TICK_MS = 1_000;

/** @type {Intl.DateTimeFormatOptions} */
const PARTS = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: phrases.zone };
const clock = offered(() => new Intl.DateTimeFormat(locale, PARTS), { format: (/** @type {number} */ ms) => new Date(ms).toLocaleString(locale, PARTS) });
const announcer = new Announcer();
let aheadMs = 0; // how far the server's clock is ahead
let askedMs = 0;

/** @param {string} id  of a template  @returns {HTMLElement | undefined} a copy of its row */
function copy(id) {
  const template = document.getElementById(id);
  if (!(template instanceof HTMLTemplateElement)) return undefined;
  return /** @type {HTMLElement} */ (template.content.querySelector("li")?.cloneNode(true));
}

/**
 * The first letter in capitals, with its vowel sign and the consonants joined to it.
 * @param {string} word
 */
const firstLetter = (word) => (/^.(?:[\u094d\u09cd].|\p{M})*/su.exec(word)?.[0] ?? "").toUpperCase();

/** @param {string} name  @returns {string} as `OnlinePerson.initials` */
function initials(name) {
  const words = name.split(/\s+/u).filter(Boolean), first = firstLetter(words[0] ?? "");
  return words.length < 2 || [...first].length > 1 ? first : first + ([...firstLetter(words.at(-1) ?? "")][0] ?? "");
}

/** @param {{user_id: string, name: string, since: string}} person  @param {number} nowMs */
function row({ user_id, name, since }, nowMs) {
  const you = copy("online-you"), item = /** @type {HTMLElement} */ (you?.dataset.person === user_id ? you : copy("online-row"));
  const sinceMs = Date.parse(since);
  item.dataset.person = user_id;
  item.dataset.since = String(sinceMs);
  item.toggleAttribute("data-came", hasCome(sinceMs, nowMs));
  write(/** @type {Element} */ (item.querySelector(".avatar")), initials(name));
  write(/** @type {Element} */ (item.querySelector("strong")), name);
  const time = /** @type {HTMLTimeElement} */ (item.querySelector("time"));
  time.dateTime = since;
  write(time, clock.format(sinceMs));
  return item;
}

/** @param {import("./inside.js").ServerEvent} event */
function hear({ type, people, unnamed, timestamp }) {
  if (type !== "members_online") return;
  const nowMs = Date.parse(timestamp), hidden = copy("online-you");
  aheadMs = nowMs - Date.now();
  const rows = people.map((/** @type {{user_id: string, name: string, since: string}} */ person) => row(person, nowMs));
  const isHidden = hidden?.dataset.hidden !== undefined && !rows.some((/** @type {HTMLElement} */ { dataset }) => dataset.person === hidden.dataset.person);
  merge(isHidden ? [hidden, ...rows] : rows, unnamed <= Number(isHidden), askedMs);
  askedMs = nowMs;
  const more = unnamed - Number(isHidden), line = find("#online-more");
  line.hidden = more <= 0;
  write(line, phrases.more.replace("{count}", written(more)));
  announcer.show(phrases.online.replace("{count}", written(people.length + unnamed)) + arrivals(phrases.came));
}

followers.add(hear);
setInterval(() => tick(Date.now() + aheadMs), TICK_MS);
