"use client";

import { useState } from "react";

import { useVisitorWebSocket, VisitorCounter, VisitorDashboard } from "@koyjabo/react";

const SERVER = "https://live.example.com";

/** Exchange the refresh token for a new pair of tokens, and store both. */
async function refreshToken(): Promise<string> {
  const answer = await fetch(`${SERVER}/api/auth/refresh`, {
    method: "POST",
    headers: { Authorization: `Bearer ${localStorage.getItem("refresh_token")}` },
  });
  if (!answer.ok) throw new Error(`The session has ended (${answer.status}).`);
  const tokens = await answer.json();
  localStorage.setItem("refresh_token", tokens.refresh_token);
  localStorage.setItem("jwt_token", tokens.access_token);
  return tokens.access_token;
}

const line = { baseUrl: SERVER, refreshToken };

export function CommunityPage({ communityId, isModerator }: { communityId: string; isModerator: boolean }) {
  const [problem, setProblem] = useState("");
  const { visitorCount, isConnected, requestCount } = useVisitorWebSocket(communityId, {
    ...line,
    onClose: (code, reason) => setProblem(code >= 4000 ? reason : ""),
  });
  return (
    <main>
      <p>{isConnected ? `${visitorCount} online` : problem || "Connecting"}</p>
      <button onClick={requestCount}>Count again</button>
      <VisitorCounter communityId={communityId} {...line} />
      {isModerator && <VisitorDashboard communityId={communityId} {...line} />}
    </main>
  );
}
