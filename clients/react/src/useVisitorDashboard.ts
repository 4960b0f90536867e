"use client";

import { useState } from "react";

import type { CommunityEvent } from "./CommunitySocket.js";
import type { VisitorSocketOptions } from "./options.js";
import { useCommunitySocket } from "./useCommunitySocket.js";

export interface DashboardData {
  realtime_count: number;
  today_visitors: {
    authenticated_visitors: number;
    anonymous_visitors: number;
    total_unique_visitors: number;
  };
}

interface Received {
  communityId: string;
  data: DashboardData;
}

/** A community's live dashboard, for moderators; null before the first event. */
export function useVisitorDashboard(communityId: string, options: VisitorSocketOptions): DashboardData | null {
  const [received, setReceived] = useState<Received | null>(null);
  useCommunitySocket(communityId, "visitor-dashboard", options, (event, of) => {
    if (event.type === "dashboard_update") setReceived((before) => ({ communityId: of, data: merged(before, of, event) }));
    else if (event.type === "analytics_update") console.log(`${event["metric"]}: ${written(event["value"])}`);
  });
  return received?.communityId === communityId ? received.data : null;
}

/** Programs may broadcast only some of the numbers; a socket's first event has all of them. */
function merged(before: Received | null, communityId: string, event: CommunityEvent): DashboardData {
  const known = before?.communityId === communityId ? before.data : null;
  return { ...known, ...(event["data"] as DashboardData) };
}

function written(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
