"use client";

import { useCallback, useEffect, useRef, useState } from "react";

import { CommunitySocket } from "./CommunitySocket.js";
import type { CommunityEvent } from "./CommunitySocket.js";
import type { VisitorSocketOptions } from "./options.js";

interface Line {
  isConnected: boolean;
  say: (type: string) => void;
}

/**
 * Keep a community's socket open while the component is mounted.
 *
 * Events are not compared with events from an earlier socket. A socket's first event has the current state, and its
 * events arrive in order, so the numbers are right even after a backup has been restored.
 *
 * @param room "visitors" or "visitor-dashboard"
 * @param onEvent called with the event and its community
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
