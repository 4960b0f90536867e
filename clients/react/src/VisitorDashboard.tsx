"use client";

import type { ReactElement } from "react";

import type { VisitorSocketOptions } from "./options.js";
import { useVisitorDashboard } from "./useVisitorDashboard.js";

export interface VisitorDashboardProps extends VisitorSocketOptions {
  communityId: string;
}

/** The numbers of people online and of today's visitors, for a community's moderators. */
export function VisitorDashboard({ communityId, ...options }: VisitorDashboardProps): ReactElement {
  const data = useVisitorDashboard(communityId, options);
  if (!data) return <div>Loading...</div>;
  const today = data.today_visitors;
  return (
    <div className="visitor-dashboard">
      <h2>Visitor Analytics</h2>
      <div className="stats">
        <div>Real-time: {data.realtime_count}</div>
        <div>Today Auth: {today.authenticated_visitors}</div>
        <div>Today Anon: {today.anonymous_visitors}</div>
        <div>Today Total: {today.total_unique_visitors}</div>
      </div>
    </div>
  );
}
