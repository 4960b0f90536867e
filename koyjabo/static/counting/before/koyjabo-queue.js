export * from "./koyjabo-queue.2.js"; // for pages of the release before that one, whose scripts have no numbers (decision 131)
