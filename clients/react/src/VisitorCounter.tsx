"use client";

import type { ReactElement } from "react";

import type { VisitorSocketOptions } from "./options.js";
import { useVisitorWebSocket } from "./useVisitorWebSocket.js";

export interface VisitorCounterProps extends VisitorSocketOptions {
  communityId: string;
}

/** The number of people online in a community, with an indicator that shows whether the number is live. */
export function VisitorCounter({ communityId, ...options }: VisitorCounterProps): ReactElement {
  const { visitorCount, isConnected } = useVisitorWebSocket(communityId, options);
  const state = isConnected ? "online" : "offline";
  return (
    <div className="visitor-counter">
      <span className={`status-indicator ${state}`} role="img" aria-label={state} />
      <span className="count">{visitorCount}</span>
      <span className="label">visitors online</span>
    </div>
  );
}
