// @vitest-environment node

import { useVisitorWebSocket, VisitorCounter, VisitorDashboard } from "@koyjabo/react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";

test("a server renders it all, without a browser", () => {
  const Page = () => <b>{useVisitorWebSocket("mirpur").visitorCount}</b>;
  expect(typeof window).toBe("undefined");
  expect(renderToString(<Page />)).toBe("<b>0</b>");
  expect(renderToString(<VisitorCounter communityId="mirpur" />)).toContain("offline");
  expect(renderToString(<VisitorDashboard communityId="mirpur" />)).toBe("<div>Loading...</div>");
});
