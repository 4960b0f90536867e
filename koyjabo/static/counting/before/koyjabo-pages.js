/** For pages of the release before, whose scripts have no numbers (decision 131). */

import { pagesOf as newest } from "./koyjabo-pages.2.js";

export const pagesOf = (koyjabo, { request, ...parts }) => newest(koyjabo, { ...parts, requests: { isDue: true, get: request } });
