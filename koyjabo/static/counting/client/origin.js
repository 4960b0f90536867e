/** The default server: the one this module was loaded from. The npm package replaces this module. */
export const origin = () => import.meta.url;
