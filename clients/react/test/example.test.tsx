import { fireEvent, render, screen } from "@testing-library/react";
import { expect, test } from "vitest";

import { CommunityPage } from "../examples/CommunityPage.js";
import { server, useFakeBrowser } from "./browser.js";
import { FakeWebSocket } from "./FakeWebSocket.js";

useFakeBrowser();

test("the example shows the count, asks for it again, and says why a user may not enter", async () => {
  render(<CommunityPage communityId="mirpur" isModerator={false} />);
  expect(screen.getByText("Connecting")).toBeTruthy();
  const [own] = FakeWebSocket.all.slice(-1);
  await server(() => own?.welcome(42));
  expect(screen.getByText("42 online")).toBeTruthy();
  fireEvent.click(screen.getByText("Count again"));
  expect(own?.sent).toEqual([{ type: "request_count" }]);
  await server(() => own?.end(4003, "You are not a member."));
  expect(screen.getByText("You are not a member.")).toBeTruthy();
});
