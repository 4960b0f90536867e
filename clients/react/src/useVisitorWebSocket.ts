"use client";

import { useCallback, useState } from "react";

import type { CommunityEvent } from "./CommunitySocket.js";
import type { VisitorSocketOptions } from "./options.js";
import { useCommunitySocket } from "./useCommunitySocket.js";

export interface VisitorWebSocket {
  /** The number of people online; 0 before the first event. Without a connection, the last known number. */
  visitorCount: number;
  isConnected: boolean;
  /** Request the count from the server, which sends it as an ordinary event. Does nothing without a connection. */
  requestCount: () => void;
}

const COUNTS = new Set(["visitor_count", "visitor_joined", "visitor_left"]);
const NO_COUNT = { communityId: "", count: 0 };

/** The live number of people online in a community, for members. */
export function useVisitorWebSocket(communityId: string, options: VisitorSocketOptions = {}): VisitorWebSocket {
  const [received, setReceived] = useState(NO_COUNT);
  const listen = (event: CommunityEvent, of: string) => {
    if (event.type === "message") options.onMessage?.(event["data"]);
    if (COUNTS.has(event.type)) setReceived({ communityId: of, count: Number(event["count"]) });
  };
  const { isConnected, say } = useCommunitySocket(communityId, "visitors", options, listen);
  const requestCount = useCallback(() => say("request_count"), [say]);
  const visitorCount = received.communityId === communityId ? received.count : 0;
  return { visitorCount, isConnected, requestCount };
}
