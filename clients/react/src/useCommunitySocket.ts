import { useCallback, useEffect, useRef, useState } from "react";

import { CommunitySocket } from "./CommunitySocket.js";
import type { CommunityEvent } from "./CommunitySocket.js";
import type { VisitorSocketOptions } from "./options.js";

interface Line {
  isConnected: boolean;
  say: (type: string) => void;
}

/**
 * Hold a socket of a community open for as long as the component is there.
 *
 * Nothing is compared with what an earlier socket said: the first event is the present state, and on one socket
 * events come in order. A database that was put back to yesterday would be shown wrong for ever otherwise.
 *
 * @param room "visitors" or "visitor-dashboard"
 * @param onEvent told with the community it is about
 */
export function useCommunitySocket(
  communityId: string,
  room: string,
  options: VisitorSocketOptions,
  onEvent: (event: CommunityEvent, communityId: string) => void,
): Line {
  const path = `/ws/communities/${encodeURIComponent(communityId)}/${room}/`;
  const [connectedTo, setConnectedTo] = useState<string | null>(null);
  const socketRef = useRef<CommunitySocket | null>(null);
  const latest = useRef({ options, onEvent });

  useEffect(() => {
    latest.current = { options, onEvent };
  });
  useEffect(() => socketRef.current?.tokenChanged(), [options.token]);
  useEffect(() => {
    const socket = new CommunitySocket(path, {
      options: () => latest.current.options,
      onLine: (isConnected) => setConnectedTo(isConnected ? path : null),
      onEvent: (event) => latest.current.onEvent(event, communityId),
    });
    socketRef.current = socket;
    socket.open();
    return () => {
      socketRef.current = null;
      socket.close();
      setConnectedTo(null);
    };
  }, [path, communityId, options.baseUrl]);

  const say = useCallback((type: string) => socketRef.current?.say(type), []);
  return { isConnected: connectedTo === path, say };
}
