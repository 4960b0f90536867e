export * from "./koyjabo-stream.2.js"; // for pages of the release before, whose scripts have no numbers (decision 131)
