import { useCallback, useState } from "react";

import type { CommunityEvent } from "./CommunitySocket.js";
import type { VisitorSocketOptions } from "./options.js";
import { useCommunitySocket } from "./useCommunitySocket.js";

export interface VisitorWebSocket {
  /** How many people are online; 0 until the server has said it. Without a line, what it said last. */
  visitorCount: number;
  isConnected: boolean;
  /** Ask the server for the count; the answer is shown as any other. Does nothing without a line. */
  requestCount: () => void;
}

const COUNTS = new Set(["visitor_count", "visitor_joined", "visitor_left"]);
const NOBODY = { communityId: "", count: 0 };

/** How many people are online in a community, live. Whoever looks has to be a member. */
export function useVisitorWebSocket(communityId: string, options: VisitorSocketOptions = {}): VisitorWebSocket {
  const [told, setTold] = useState(NOBODY);
  const listen = (event: CommunityEvent, of: string) => {
    if (COUNTS.has(event.type)) setTold({ communityId: of, count: Number(event["count"]) });
  };
  const { isConnected, say } = useCommunitySocket(communityId, "visitors", options, listen);
  const requestCount = useCallback(() => say("request_count"), [say]);
  const visitorCount = told.communityId === communityId ? told.count : 0;
  return { visitorCount, isConnected, requestCount };
}
