"use client";

import type { KoyJabo, Last, LineState, Receipt, Stats } from "koyjabo";
import { useEffect, useState } from "react";

export interface SiteNumbers {
  stats: Stats | null;
  line: LineState;
  /** The visitor's own visit number, once the visit is registered. */
  visit: Receipt | null;
  /** The newest visit by any visitor. */
  last: Last | null;
}

const NOTHING: SiteNumbers = { stats: null, line: "connecting", visit: null, last: null };

/**
 * The site's live numbers.
 *
 * @param koyjabo a `koyjabo` client, created and started once outside components, where it does nothing on a server; or null
 */
export function useKoyJabo(koyjabo: KoyJabo | null): SiteNumbers {
  const [numbers, setNumbers] = useState(NOTHING);
  useEffect(() => {
    const show = (stats: Stats | null, line: LineState) =>
      setNumbers({ stats, line, visit: koyjabo?.visit ?? null, last: koyjabo?.last ?? null });
    if (koyjabo) return koyjabo.subscribe(show);
    return show(null, "connecting");
  }, [koyjabo]);
  return numbers;
}
