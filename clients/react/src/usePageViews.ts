"use client";

import type { KoyJabo } from "koyjabo";
import { useEffect, useState } from "react";

/**
 * The views of a page, live. Null until they are known, and if the server does not show them.
 *
 * @param path such as `/posts/a`
 * @param koyjabo a `koyjabo` client, created and started once outside components; null during server rendering
 */
export function usePageViews(path: string, koyjabo: KoyJabo | null): number | null {
  const [views, setViews] = useState<number | null>(null);
  useEffect(() => {
    setViews(null);
    return koyjabo?.pages([path], ([page]) => setViews(page?.views ?? null));
  }, [path, koyjabo]);
  return views;
}
