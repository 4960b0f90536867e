import type { KoyJabo, Last, LineState, Receipt, Stats } from "koyjabo";
import { useEffect, useState } from "react";

export interface SiteNumbers {
  stats: Stats | null;
  line: LineState;
  /** The visitor's own number, once the visit is registered. */
  visit: Receipt | null;
  /** The newest visit by any visitor. */
  last: Last | null;
}

const NOTHING: SiteNumbers = { stats: null, line: "connecting", visit: null, last: null };

/**
 * The numbers of the site, live.
 *
 * @param koyjabo a client of the package `koyjabo`, created and started once outside of components; null in server rendering
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
