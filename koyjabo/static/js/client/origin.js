/** The server of a page that names none: the one that has sent this module. The npm package has another module here. */
export const origin = () => import.meta.url;
