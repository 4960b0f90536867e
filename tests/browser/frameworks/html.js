/** The element as a server writes it. @param {Record<string, string | boolean> | null} attributes */
export const written = (attributes) => {
  const texts = Object.entries(attributes ?? {}).map(([name, value]) => `${name}="${value === true ? "" : value}"`);
  return attributes ? `<koyjabo-count ${texts.join(" ")}></koyjabo-count>` : "";
};
